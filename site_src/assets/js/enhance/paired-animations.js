/* Two figures side by side that both have an animation: a button plays them together, or shows the stills again. Both files
   are fetched when they are asked for, and begin when both are there. Without this script the stills are compared. */
(function () {
  "use strict";
  var element = window.innerview.element;

  function pictures(stage) {
    return Array.prototype.slice.call(stage.querySelectorAll(".comparison__pane:not(.comparison__pane--difference) img"));
  }

  function loaded(address) {
    var file = new Image();
    file.src = address;
    return file.decode().catch(function () {}); // what cannot be shown is seen as such in its place
  }

  function offer(stage) {
    var line = element("p", "comparison__films"), button = element("button", "button", "Play both animations"), images = [], stills = null;
    button.type = "button";
    line.append(button, element("span", "", " Each animation has its own colour scale."));
    stage.after(line);

    function still() {
      if (stills) images.forEach(function (image, place) { image.src = stills[place]; });
      stills = null;
      button.textContent = "Play both animations";
    }

    /* Other figures may have been chosen since. */
    function look() {
      stills = null;
      images = pictures(stage);
      line.hidden = !(images.length === 2 && images.every(function (image) { return image.dataset.animation; }));
      button.textContent = "Play both animations";
    }

    button.addEventListener("click", function () {
      var films = images.map(function (image) { return image.dataset.animation; });
      if (stills) return still();
      stills = images.map(function (image) { return image.getAttribute("src"); });
      button.textContent = "Show the stills";
      Promise.all(films.map(loaded)).then(function () {
        if (stills) images.forEach(function (image, place) { image.src = films[place]; });
      });
    });
    stage.addEventListener("iv-change", look);
    look();
  }

  document.querySelectorAll("[data-comparison]").forEach(offer);
})();
