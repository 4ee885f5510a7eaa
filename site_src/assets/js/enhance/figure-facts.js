/* In a report, what scripts need to know of its figures, from the script beside the page that `data-facts` names
   (`innerview.data.report`): data attributes of their links, by the name of the figure, and the figures of intermediate
   outputs, which take the place of links to them once somebody opens the list. A picture opens large here, so that links
   beside it lead to its page and to where it is compared. Loaded before the elements that read the attributes. */
(function () {
  "use strict";
  var element = window.innerview.element, need = window.innerview.need;

  function setup(page, signal) {
    var made = [];
    page.querySelectorAll("iv-stage").forEach(function (stage) {
      stage.querySelectorAll("details[data-view]").forEach(function (view) { link(stage, view, made); });
    });
    page.querySelectorAll("details[data-folded]").forEach(function (list) {
      function open() {
        if (list.open) need("report", page.dataset.facts, function (facts) { if (!signal.aborted) unfold(list, facts, signal); });
      }
      list.addEventListener("toggle", open, { signal: signal });
      open();
    });
    need("report", page.dataset.facts, function (facts) { if (!signal.aborted) lay(page, facts.figures); });
    signal.addEventListener("abort", function () { made.forEach(function (one) { one.remove(); }); });
  }

  function lay(around, figures) {
    around.querySelectorAll("a.picture[href]").forEach(function (picture) {
      Object.assign(picture.dataset, figures[name(picture.getAttribute("href"))]);
    });
  }

  /* The links come back where the page is exchanged meanwhile. */
  function unfold(list, facts, signal) {
    var links = list.querySelector("ul.view__folded"), box = element("div", "view__folded");
    if (!links) return;
    box.innerHTML = facts.folded[list.dataset.folded]; // as our templates wrote it
    lay(box, facts.figures);
    links.replaceWith(box);
    signal.addEventListener("abort", function () { box.replaceWith(links); });
  }

  /* The links of a view stand beside the words on each of its pictures, before that to the layer. */
  function link(stage, view, made) {
    var pictures = view.querySelectorAll(".view__canvas > a.picture, .view__all > a.picture, .view__layer > a.picture");
    view.querySelectorAll(".view__facts, .view__body > .view__words:not(:has(.view__facts))").forEach(function (words, place) {
      var picture = pictures[place], line = words.querySelector(":scope > .view__links"), address = picture && picture.getAttribute("href");
      if (!picture) return;
      if (!line) {
        line = element("p", "view__links");
        made.push(line);
        words.insertBefore(line, words.children[1] || null); // behind the class
      }
      if (stage.dataset.compare && picture.querySelector("img")) line.prepend(to("Compare with another", stage.dataset.compare + name(address), made));
      line.prepend(to("Open the figure", address, made));
    });
  }

  function to(words, address, made) {
    var way = element("a", "", words);
    way.setAttribute("href", address);
    made.push(way);
    return way;
  }

  function name(address) {
    return address.replace(/\.html$/, "");
  }

  window.innerview.enliven("[data-facts]", setup);
})();
