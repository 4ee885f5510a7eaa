/* In a report, what scripts need to know of its figures, from the script beside the page: data attributes of their links, by
   the name of the figure (`innerview.data.figures`), and the figures of intermediate outputs (`innerview.data.folded`), which
   take the place of links to them once somebody opens the list. A picture opens large here, so that links beside it lead to
   its page and to where it is compared. Loaded before the elements that read the attributes. */
(function () {
  "use strict";
  var element = window.innerview.element, facts = window.innerview.data.figures || {}, folded = window.innerview.data.folded || {};

  function lay(around) {
    around.querySelectorAll("a.picture[href]").forEach(function (picture) {
      Object.assign(picture.dataset, facts[name(picture.getAttribute("href"))]);
    });
  }

  /* The links of a view stand beside the words on each of its pictures, before that to the layer. */
  function link(stage, view) {
    var pictures = view.querySelectorAll(".view__canvas > a.picture, .view__all > a.picture");
    view.querySelectorAll(".view__facts, .view__body > .view__words:not(:has(.view__facts))").forEach(function (words, place) {
      var picture = pictures[place], line = words.querySelector(":scope > .view__links"), address = picture && picture.getAttribute("href");
      if (!picture) return;
      if (!line) {
        line = element("p", "view__links");
        words.insertBefore(line, words.children[1] || null); // behind the class
      }
      if (stage.dataset.compare && picture.querySelector("img")) line.prepend(to("Compare with another", stage.dataset.compare + name(address)));
      line.prepend(to("Open the figure", address));
    });
  }

  function to(words, address) {
    var made = element("a", "", words);
    made.setAttribute("href", address);
    return made;
  }

  function name(address) {
    return address.replace(/\.html$/, "");
  }

  document.querySelectorAll("iv-stage").forEach(function (stage) {
    stage.querySelectorAll("details[data-view]").forEach(function (view) { link(stage, view); });
  });
  document.querySelectorAll("details[data-folded]").forEach(function (list) {
    var figures = folded[list.dataset.folded], box = document.createElement("div");
    if (!figures) return;
    box.className = "view__folded";
    list.addEventListener("toggle", function () {
      box.innerHTML = figures; // as our templates wrote it
      lay(box);
      list.lastElementChild.replaceWith(box);
    }, { once: true });
  });
  lay(document);
})();
