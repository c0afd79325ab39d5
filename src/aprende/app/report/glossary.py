"""What well-known metrics mean, for a reader who is no expert. A metric that is not here stands without a sentence."""

from aprende.core.words import t


def meaning(metric: str) -> str:
    """Return one sentence on a metric, or ""."""
    key = metric.lower().replace("_", " ").replace("-", " ").strip()
    known = {
        ("mae", "mean absolute error"): t("How far an answer is from the truth, on average."),
        ("rmse", "root mean squared error"): t("Like the mean error, but large errors weigh more."),
        ("median absolute error", "medae"): t("Half of the answers are closer to the truth than this."),
        ("r2", "r²"): t(
            "The share of the variation that the model explains; 1 is perfect, 0 is no better than the mean."
        ),
        ("mape", "mean absolute percentage error"): t("The mean error as a share of the true value."),
        ("median relative error", "median percentage error", "median ape"): t(
            "Half of the answers are closer than this share of the true value."
        ),
        ("accuracy",): t("The share of answers that are right."),
        ("accuracy of flags",): t("The share of pictures that are flagged, or not flagged, rightly."),
        ("accuracy at 0.5",): t("The share of pictures that are told rightly if 0.5 decides."),
        ("error", "error rate"): t("The share of answers that are wrong."),
        ("balanced accuracy",): t(
            "The mean over the classes of the share that is right, so that rare classes count as much."
        ),
        ("area under the roc curve", "auc", "roc auc", "auroc", "mean auroc"): t(
            "How often a random positive ranks above a random negative; 0.5 is guessing."
        ),
        ("average precision", "mean average precision"): t(
            "The mean share that is right as more and more is found; guessing gives how common it is."
        ),
        ("sensitivity",): t("The share of those with the finding that are flagged."),
        ("specificity",): t("The share of those without the finding that are not flagged."),
        ("pointing game",): t("How often the highest place of the map lies in the finding."),
        ("log loss", "cross entropy", "nll"): t(
            "How surprised the model is by the truth; being sure and wrong costs most."
        ),
        ("brier", "brier score"): t("The mean squared distance between probabilities and the truth."),
        ("ece", "calibration error", "expected calibration error"): t(
            "How far probabilities are from how often they come true."
        ),
        ("f1", "macro f1"): t("The balance of finding a class and being right when naming it."),
        ("mean iou",): t(
            "The area on which answer and truth agree, as a share of the area of either, on average over the classes."
        ),
        ("pixel accuracy",): t("The share of the area that is given its right class."),
        ("boundary f1",): t("How well the edges of regions lie where they should."),
        ("ap50",): t(
            "Average precision: how well all things are found, and nothing else, with boxes that fit by half."
        ),
        ("ap75",): t("The same with boxes that must fit by three quarters."),
        ("ap",): t("The same, mean over ten demands from half to nearly all (COCO's measure)."),
        ("recall",): t("The share of the things that are found."),
        ("precision",): t("The share of what is found that is right."),
        ("coverage", "interval coverage", "coverage of the 90 % interval"): t(
            "How often the truth lies within the model's interval."
        ),
    }
    return next((said for names, said in known.items() if key in names), "")
