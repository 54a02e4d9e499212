/* On a phone a figure is drawn so small that its labels are smaller than the text. A tap on it, or
   on the button under it, draws it so large that they are not; then it scrolls sideways. */
document.addEventListener("DOMContentLoaded", () => {
  for (const figure of document.querySelectorAll("figure:has(.figure-link)")) {
    const image = figure.querySelector("img");
    const box = document.createElement("div");
    box.className = "figure-box";
    image.replaceWith(box);
    box.append(image);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "figure-size";
    const show = (large) => {
      figure.classList.toggle("enlarged", large);
      button.textContent = large ? "Smaller" : "Larger";
      if (large) box.tabIndex = 0; // so that the keyboard can scroll it
      else box.removeAttribute("tabindex");
    };
    const turn = () => show(!figure.classList.contains("enlarged"));
    button.addEventListener("click", turn);
    image.addEventListener("click", () => {
      if (button.checkVisibility()) turn();
    });
    figure.querySelector(".figure-link").before(button);
    show(false);
  }
});
