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
    button.setAttribute("aria-label", (still ? "Play " : "Back to the still of ") + button.dataset.name);
  }

  function pictureOf(button) {
    var place = button.closest(".plate, .method__picture, .specimen, .lightbox, td");
    return place.querySelector(".picture img, .specimen__mount > img:not(.specimen__under), .lightbox__stage img");
  }

  document.querySelectorAll(".motion").forEach(function (motion) {
    motion.querySelector("button").hidden = false;
    motion.querySelector("a").hidden = true;
  });
})();
