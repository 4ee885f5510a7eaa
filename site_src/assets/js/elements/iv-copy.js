/* Buttons that copy a snippet; a gallery that does not know its address puts in the one it is read at, and a link or a
   frame leads to the channel that is looked at, in the same colours (#c17&colours=heat&clip=8). */
(function () {
  "use strict";
  var address = window.innerview.address;
  var unknown = "https://your.site/";
  var here = new URL(document.body.dataset.root || ".", location.href).href;

  function toChannel(area) {
    var page = document.getElementById("copy-link").defaultValue.split(unknown).join(here);
    var kept = {};
    ["c", "colours", "clip"].forEach(function (key) { kept[key] = address.get(key); });
    if (/^copy-(link|frame)$/.test(area.id)) area.value = area.dataset.plain.replace(page, page + address.written(kept));
  }

  function copy(area) {
    toChannel(area);
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(area.value);
    area.select();
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject(new Error("copying is not allowed here"));
  }

  document.querySelectorAll("[data-copy]").forEach(function (button) {
    var area = document.getElementById(button.dataset.copy);
    var name = button.innerHTML;
    area.value = area.dataset.plain = area.value.split(unknown).join(here);
    toChannel(area);
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
