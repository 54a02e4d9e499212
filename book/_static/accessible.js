/* The theme lets the keyboard scroll what is wider than its box, but looks for such boxes only when
   the page loads or changes size: have it look again when code, a hint or a solution is opened. */
(() => {
  const look = () => window.dispatchEvent(new Event("resize"));
  document.addEventListener("toggle", look, true);
  document.addEventListener("click", (event) => {
    if (event.target.closest(".admonition-title")) look();
  });
})();
