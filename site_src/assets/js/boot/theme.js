/* What the theme would write into every page, or does too early; loaded in the header, before the page is drawn. */
(function () {
  "use strict";
  var chosen = window.__md_get("__palette"), open = XMLHttpRequest.prototype.open, system, input;

  /* The reader's choice of light or dark mode, or that of the system: as the theme's own partials/javascripts/palette.html. */
  if (chosen && chosen.color) {
    if (chosen.color.media === "(prefers-color-scheme)") {
      system = window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
      input = document.querySelector("[data-md-color-media='(prefers-color-scheme: " + system + ")']");
      ["media", "scheme", "primary", "accent"].forEach(function (name) {
        chosen.color[name] = input.getAttribute("data-md-color-" + name);
      });
    }
    Object.keys(chosen.color).forEach(function (key) {
      document.body.setAttribute("data-md-color-" + key, chosen.color[key]);
    });
  }

  /* The theme asks for the index of search on every page; here it is asked for when someone means to search. */
  XMLHttpRequest.prototype.open = function (method, address) {
    var request = this;
    if (/search_index\.json$/.test(address) && !/[?&]q=/.test(location.search)) {
      XMLHttpRequest.prototype.open = open;
      request.send = function () {
        document.forms.namedItem("search").addEventListener("focusin", function () {
          XMLHttpRequest.prototype.send.call(request);
        }, { once: true });
      };
    }
    return open.apply(request, arguments);
  };
})();
