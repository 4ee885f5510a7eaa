/* Marks in the report's bar which section is being read: the one that crosses a line in the upper third of the window,
   between two sections the one before, and at the end of the page the last. */
(function () {
  "use strict";
  var bar = document.querySelector("[data-sections]"), end = document.querySelector(".page > .pager");
  var links, sections, crossing = new Set(), atEnd = false;

  function mark() {
    var current = atEnd ? sections[sections.length - 1] : sections.filter(function (section) { return crossing.has(section); })[0];
    if (!current) return;
    links.forEach(function (link, place) {
      if (sections[place] === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }

  if (!bar) return;
  links = Array.prototype.slice.call(bar.querySelectorAll('a[href^="#"]'));
  sections = links.map(function (link) { return document.getElementById(link.hash.slice(1)); });
  var line = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) { crossing[entry.isIntersecting ? "add" : "delete"](entry.target); });
    mark();
  }, { rootMargin: "-33% 0px -66% 0px" });
  sections.forEach(function (section) { line.observe(section); });
  if (end) new IntersectionObserver(function (entries) {
    atEnd = entries[entries.length - 1].isIntersecting;
    mark();
  }, { threshold: 1 }).observe(end);
})();
