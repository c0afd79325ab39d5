// The picture behind a point, on hover and touch; the same picture is marked on every plane.
const peek = document.getElementById("peek");
if (peek) {
  const names = (peek.dataset.names || "").split("\n");
  const [picture, word] = peek.children;
  let marked = [];
  const across = 20;
  const leave = () => {
    peek.style.display = "none";
    for (const point of marked) point.classList.remove("same");
    marked = [];
  };
  const enter = (event) => {
    leave();
    const point = event.target.closest && event.target.closest("circle[data-i]");
    if (!point) return;
    const i = Number(point.dataset.i);
    marked = [...document.querySelectorAll(`circle[data-i="${i}"]`)];
    for (const other of marked) other.classList.add("same");
    peek.style.display = "block";
    const side = picture.offsetWidth;
    picture.style.backgroundPosition = `-${(i % across) * side}px -${Math.floor(i / across) * side}px`;
    word.textContent = names[Number(point.dataset.k)] || "";
    peek.style.left = Math.max(6, Math.min(event.clientX + 14, innerWidth - peek.offsetWidth - 6)) + "px";
    peek.style.top = (event.clientY + peek.offsetHeight + 24 > innerHeight ? event.clientY - peek.offsetHeight - 12 : event.clientY + 14) + "px";
  };
  addEventListener("pointerover", enter);
  addEventListener("pointerdown", enter);
  addEventListener("scroll", leave, { passive: true });
}
