/* The slider that fades every map on the page to show the photo below. */
(function () {
  "use strict";
  document.querySelectorAll("[data-fader]").forEach(function (slider) {
    slider.closest(".fader").hidden = false;
    slider.addEventListener("input", function () {
      document.body.style.setProperty("--fade", slider.value / 100);
    });
  });
})();
