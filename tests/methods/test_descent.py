"""Gradient descent: the schedule, the average, the losses by known values, and going on after a stop."""

import math

import pytest
import torch
from torch import nn

from aprende.methods.descent import Batches, Descent, Recipe, cross_entropy, hinge, mixed, schedule, squared


def line(recipe: Recipe, steps: int, network: nn.Module | None = None) -> tuple[Descent, torch.Tensor]:
    """Descend on y = 2 x - 1 for some steps; return the descent and the last loss."""
    torch.manual_seed(0)
    network = network or nn.Linear(1, 1)
    descent, x = Descent(network, recipe), torch.linspace(-1, 1, 32)[:, None]
    loss = torch.tensor(0.0)
    for step in range(steps):
        loss = squared(network(x), 2 * x - 1)
        descent.step(loss, step / steps)
    return descent, loss


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_line_is_learnt(optimizer: str) -> None:
    descent, _ = line(Recipe(lr=0.1, optimizer=optimizer, weight_decay=0.0), 300)
    descent.finish()
    assert descent.network.weight.item() == pytest.approx(2, abs=0.02)
    assert descent.network.bias.item() == pytest.approx(-1, abs=0.02)


def test_schedule_warms_up_then_anneals_to_zero() -> None:
    at = [schedule(p / 100, 0.1) for p in range(101)]
    assert 0 < at[0] < 0.02
    assert at[10] == pytest.approx(1)
    assert at == sorted(at[:11]) + sorted(at[11:], reverse=True)
    assert at[100] == pytest.approx(0, abs=1e-9)
    assert schedule(2.0, 0.1) == pytest.approx(0, abs=1e-9)


def test_average_weighs_late_steps_by_the_power_of_their_number() -> None:
    network = nn.Linear(1, 1, bias=False)
    descent = Descent(network, Recipe(lr=0.0, average=2.0))
    seen = []
    for step in range(1, 6):
        with torch.no_grad():
            network.weight.fill_(float(step))
        seen.append(step)
        descent.step(network(torch.zeros(1, 1)).sum(), 0.5)
    weights = [math.prod(1 - (1 - (1 - 1 / t) ** 3) for t in seen if t > s) * (1 - (1 - 1 / s) ** 3) for s in seen]
    expected = sum(w * s for w, s in zip(weights, seen, strict=True))
    assert sum(weights) == pytest.approx(1)
    with descent.averaged():
        assert network.weight.item() == pytest.approx(expected, rel=1e-5)
    assert network.weight.item() == 5.0


def test_gradient_is_clipped_and_biases_do_not_decay() -> None:
    network = nn.Linear(2, 1)
    descent = Descent(network, Recipe(lr=0.1, optimizer="sgd", momentum=0.0, clip=1.0, weight_decay=0.5, warmup=0.0))
    before = torch.cat([p.detach().flatten().clone() for p in network.parameters()])
    descent.step(1e6 * network(torch.ones(1, 2)).sum(), 0.0)
    moved = torch.cat([p.detach().flatten() for p in network.parameters()]) - before
    assert moved.norm() < 0.1 * 1.0 + 0.1 * 0.5 * before[:2].norm() + 1e-5
    decays = {g["weight_decay"] for g in descent.optimizer.param_groups}
    assert decays == {0.0, 0.5}


def test_rates_by_the_longest_name_that_fits() -> None:
    network = nn.ModuleDict({"body": nn.Linear(1, 1), "head": nn.Linear(1, 1)})
    descent = Descent(network, Recipe(), rates={"head": 0.3, "head.bias": 0.1})
    rate = {id(p): g["rate"] for g in descent.optimizer.param_groups for p in g["params"]}
    found = {name: rate[id(p)] for name, p in network.named_parameters()}
    assert found == {"body.weight": 1.0, "body.bias": 1.0, "head.weight": 0.3, "head.bias": 0.1}


def test_a_stopped_descent_goes_on_bit_for_bit() -> None:
    recipe = Recipe(lr=0.05)
    whole, _ = line(recipe, 20)
    x = torch.linspace(-1, 1, 32)[:, None]
    torch.manual_seed(0)
    network = nn.Linear(1, 1)
    first = Descent(network, recipe)
    for step in range(8):
        first.step(squared(network(x), 2 * x - 1), step / 20)
    other = nn.Linear(1, 1)
    second = Descent(other, recipe)
    second.load_state_dict(first.state_dict())
    for step in range(8, 20):
        second.step(squared(other(x), 2 * x - 1), step / 20)
    for a, b in ((whole, second),):
        a.finish()
        b.finish()
        assert all(torch.equal(p, q) for p, q in zip(a.network.parameters(), b.network.parameters(), strict=True))


def test_losses_by_known_values() -> None:
    scores = torch.tensor([[2.0, 0.0, -1.0]])
    wanted = torch.tensor([0])
    assert cross_entropy(scores, wanted).item() == pytest.approx(
        -math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(-1)))
    )
    assert squared(scores, wanted).item() == pytest.approx((1 + 0 + 1) / 3)
    assert hinge(scores, wanted).item() == pytest.approx(0)
    assert hinge(scores, torch.tensor([1])).item() == pytest.approx(3)
    assert squared(torch.zeros(1, 2), torch.tensor([0]), smoothing=0.2).item() == pytest.approx((0.9**2 + 0.1**2) / 2)


def test_mixup_blends_inputs_and_shares_alike() -> None:
    x = torch.eye(8)
    blended, shares = mixed(x, torch.eye(8), 0.4, torch.Generator().manual_seed(1))
    assert torch.equal(blended, shares)
    assert torch.allclose(shares.sum(1), torch.ones(8))
    assert shares.diagonal().min() >= 0.5


def test_batches_give_every_row_at_most_once_an_epoch_and_go_on() -> None:
    batches = Batches(10, 3, torch.Generator().manual_seed(0))
    epoch = torch.cat([batches.draw() for _ in range(len(batches))])
    assert len(epoch) == len(set(epoch.tolist())) == 9
    batches.draw()
    state = batches.state_dict()
    expected = [batches.draw().tolist() for _ in range(7)]
    again = Batches(10, 3, torch.Generator())
    again.load_state_dict(state)
    assert [again.draw().tolist() for _ in range(7)] == expected
    assert Batches(2, 64, torch.Generator()).draw().shape == (2,)
