/* The sliders that fade every map on the page to show the photo below; the address keeps it (#opacity=40). */
(function () {
  "use strict";
  var address = window.innerview.address, SLIDERS = "[data-fader]";

  function fade(opacity) {
    document.body.style.setProperty("--fade", opacity / 100);
    document.querySelectorAll(SLIDERS).forEach(function (slider) { slider.value = opacity; });
  }

  function fromAddress() {
    var opacity = address.get("opacity");
    fade(/^\d+$/.test(opacity) ? Math.min(100, Number(opacity)) : 100);
  }

  window.innerview.enliven(SLIDERS, function (slider, signal) {
    slider.closest(".fader").hidden = false;
    slider.addEventListener("input", function () {
      fade(Number(slider.value));
      address.set({ opacity: slider.value === "100" ? null : slider.value }, fromAddress);
    }, { signal: signal });
    signal.addEventListener("abort", address.keep(["opacity"], fromAddress));
    fromAddress();
  });
})();
