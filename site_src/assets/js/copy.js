/* Buttons that copy a snippet; a gallery that does not know its address puts in the one it is read at. */
(function () {
  "use strict";
  var unknown = "https://your.site/";
  var here = new URL(document.body.dataset.root || ".", location.href).href;

  function copy(area) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(area.value);
    area.select();
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject(new Error("copying is not allowed here"));
  }

  document.querySelectorAll("[data-copy]").forEach(function (button) {
    var area = document.getElementById(button.dataset.copy);
    var name = button.innerHTML;
    area.value = area.value.split(unknown).join(here);
    button.hidden = false;
    button.addEventListener("click", function () {
      copy(area).then(
        function () { say("Copied"); },
        function () { area.focus(); area.select(); say("Press Ctrl+C"); }
      );
    });

    function say(words) {
      button.textContent = words;
      setTimeout(function () { button.innerHTML = name; }, 1600);
    }
  });
})();
