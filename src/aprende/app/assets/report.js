// Values on hover and touch, copy buttons, everything open on paper. The page says all it must without this script.
const tip = document.body.appendChild(Object.assign(document.createElement("div"), { id: "tip" }));
for (const title of document.querySelectorAll("main svg title")) {
  title.parentNode.dataset.tip = title.textContent;
  title.parentNode.setAttribute("aria-label", title.textContent);
  title.remove();
}
function show(event) {
  const holder = event.target.closest && event.target.closest("[data-tip]");
  tip.style.display = holder ? "block" : "none";
  if (!holder) return;
  tip.textContent = holder.dataset.tip;
  const { offsetWidth: w, offsetHeight: h } = tip;
  tip.style.left = Math.max(6, Math.min(event.clientX + 14, innerWidth - w - 6)) + "px";
  tip.style.top = (event.clientY + h + 24 > innerHeight ? event.clientY - h - 12 : event.clientY + 16) + "px";
}
addEventListener("pointermove", show);
addEventListener("pointerdown", show);
addEventListener("scroll", () => { tip.style.display = "none"; }, { passive: true });
async function copy(button) {
  const text = button.closest(".code").querySelector("code");
  try {
    await navigator.clipboard.writeText(text.textContent);
  } catch {
    getSelection().selectAllChildren(text);
    document.execCommand("copy");
  }
  const before = button.textContent;
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = before; }, 1500);
}
for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const d of opened) d.open = true;
});
addEventListener("afterprint", () => { for (const d of opened) d.open = false; });
