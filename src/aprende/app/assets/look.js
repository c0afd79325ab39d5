// The picture behind a point, on hover and touch; the same picture is marked on every plane.
const peek = document.getElementById("peek");
if (peek) {
  const names = (peek.dataset.names || "").split("\n");
  const [picture, word] = peek.children;
  let marked = [];
  let shown = -1;
  const across = 20;
  const leave = () => {
    peek.style.display = "none";
    for (const point of marked) point.classList.remove("same");
    [marked, shown] = [[], -1];
  };
  const enter = (event) => {
    const point = event.target.closest && event.target.closest("circle[data-i]");
    const i = point ? Number(point.dataset.i) : -1;
    if (i === shown) return;
    leave();
    if (i < 0) return;
    shown = i;
    marked = [...document.querySelectorAll(`circle[data-i="${i}"]`)];
    for (const other of marked) other.classList.add("same");
    peek.style.display = "block";
    const side = picture.offsetWidth;
    picture.style.backgroundPosition = `-${(i % across) * side}px -${Math.floor(i / across) * side}px`;
    word.textContent = names[Number(point.dataset.k)] || "";
    peek.style.left = Math.max(6, Math.min(event.clientX + 14, innerWidth - peek.offsetWidth - 6)) + "px";
    peek.style.top = (event.clientY + peek.offsetHeight + 24 > innerHeight ? event.clientY - peek.offsetHeight - 12 : event.clientY + 14) + "px";
  };
  addEventListener("pointermove", enter);
  addEventListener("pointerdown", enter);
  addEventListener("scroll", leave, { passive: true });
}
