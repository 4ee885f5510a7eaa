/* A snippet with a button that copies it:

     <iv-copy><label>..</label><textarea readonly>..</textarea><button type="button" hidden>Copy</button></iv-copy>

   A gallery that does not know its address puts in the one it is read at, and a link or a frame leads to the channel that is
   looked at, in the same colours (#c17&colours=heat&clip=8). Without this script the text can be selected. */
(function () {
  "use strict";
  var address = window.innerview.address, UNKNOWN = "https://your.site/", KEPT = ["c", "colours", "clip"];

  function here(text) {
    return text.split(UNKNOWN).join(new URL(document.body.dataset.root || ".", location.href).href);
  }

  function withAddress(area) {
    var page = here(document.getElementById("copy-link").defaultValue), kept = {};
    KEPT.forEach(function (key) { kept[key] = address.get(key); });
    return here(area.defaultValue).replace(page, page + address.written(kept));
  }

  function written(area) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(area.value);
    area.select();
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject(new Error("copying is not allowed here"));
  }

  window.innerview.define("iv-copy", function (host, signal) {
    var area = host.querySelector("textarea"), button = host.querySelector("button"), name = button.innerHTML, timer = 0;

    function fill() {
      area.value = /^copy-(link|frame)$/.test(area.id) ? withAddress(area) : here(area.defaultValue);
    }

    function say(words) {
      clearTimeout(timer);
      button.textContent = words;
      timer = setTimeout(function () { button.innerHTML = name; }, 1600);
    }

    fill();
    button.hidden = false;
    button.addEventListener("click", function () {
      fill();
      written(area).then(
        function () { say("Copied"); },
        function () { area.focus(); area.select(); say("Press Ctrl+C"); }
      );
    }, { signal: signal });
    signal.addEventListener("abort", function () {
      clearTimeout(timer);
      button.innerHTML = name;
      button.hidden = true;
    });
  });
})();
