/* A page without the theme follows the reader's choice of light or dark mode: the theme's own, or the system's. */
(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    var scope = new URL(document.body.dataset.root || ".", location.href).pathname;
    var chosen = JSON.parse(localStorage.getItem(scope + ".__palette"));
    if (chosen && chosen.color && chosen.color.scheme) dark = chosen.color.scheme === "slate";
  } catch (error) {
    // No storage here (a sandboxed frame, say): the system's choice stands.
  }
  document.body.dataset.mdColorScheme = dark ? "slate" : "default";
})();
