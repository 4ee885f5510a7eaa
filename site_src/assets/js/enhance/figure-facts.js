/* In a report, what scripts need to know of its figures, from the script beside the page that `data-facts` names
   (`innerview.data.report`): data attributes of their links, by the name of the figure, and the figures of intermediate
   outputs, which take the place of links to them once somebody opens the list. A picture opens large here, so that links
   beside it lead to its page and to where it is compared. Loaded before the elements that read the attributes. */
(function () {
  "use strict";
  var element = window.innerview.element, need = window.innerview.need;

  function setup(page) {
    page.querySelectorAll("iv-stage").forEach(function (stage) {
      stage.querySelectorAll("details[data-view]").forEach(function (view) { link(stage, view); });
    });
    page.querySelectorAll("details[data-folded]").forEach(function (list) {
      list.addEventListener("toggle", function () {
        need("report", page.dataset.facts, function (facts) { unfold(list, facts); });
      }, { once: true });
    });
    need("report", page.dataset.facts, function (facts) { lay(page, facts.figures); });
  }

  function lay(around, figures) {
    around.querySelectorAll("a.picture[href]").forEach(function (picture) {
      Object.assign(picture.dataset, figures[name(picture.getAttribute("href"))]);
    });
  }

  function unfold(list, facts) {
    var box = element("div", "view__folded");
    box.innerHTML = facts.folded[list.dataset.folded]; // as our templates wrote it
    lay(box, facts.figures);
    list.lastElementChild.replaceWith(box);
  }

  /* The links of a view stand beside the words on each of its pictures, before that to the layer. */
  function link(stage, view) {
    var pictures = view.querySelectorAll(".view__canvas > a.picture, .view__all > a.picture, .view__layer > a.picture");
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

  document.querySelectorAll("[data-facts]").forEach(setup);
})();
