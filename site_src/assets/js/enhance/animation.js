/* How a picture came about: a button puts the animation in the picture's place, or the still again. The file is fetched
   when it is asked for, and nothing moves before, whatever the reader prefers. It ends by itself, which no script is
   told: so the button offers the still, which is true before and after. Without this script a link leads to the file. */
(function () {
  "use strict";

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-animation]");
    if (button) toggle(button);
  });

  function toggle(button) {
    var image = pictureOf(button), still = button.dataset.poster;
    if (still) {
      image.src = still;
      delete button.dataset.poster;
    } else {
      button.dataset.poster = image.getAttribute("src");
      image.src = button.dataset.animation;
    }
    button.setAttribute("aria-label", (still ? "Play " : "Show the still image of ") + button.dataset.name);
  }

  function pictureOf(button) {
    var place = button.closest(".figure, .view__canvas, .stage, .lightbox, td");
    return place.querySelector(".picture img, .stage__canvas > img:not(.stage__under), .lightbox__stage img");
  }

  window.innerview.enliven(".animation", function (motion, signal) {
    var link = motion.querySelector("a"), button = document.createElement("button");
    button.type = "button";
    button.className = "button animation__button";
    button.dataset.animation = link.getAttribute("href");
    link.hidden = true;
    motion.prepend(button);
    var picture = pictureOf(button).closest("a");
    var caption = picture ? picture.dataset.caption : document.querySelector(".stage h1").textContent;
    button.dataset.name = caption + ": " + motion.querySelector(".animation__words").textContent;
    button.setAttribute("aria-label", "Play " + button.dataset.name);
    signal.addEventListener("abort", function () {
      if (button.dataset.poster) toggle(button);
      button.remove();
      link.hidden = false;
    });
  });
})();
