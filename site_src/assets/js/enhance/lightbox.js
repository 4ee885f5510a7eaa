/* A picture large, in a dialog: Escape and Back close it, arrows go along the row, its own page is one click away. */
(function () {
  "use strict";
  var dialog, image, title, words, link, stage, mount, scale, fader, before, after, motion, row = [], place = 0, listed = false;

  function element(name, className, text) {
    var made = document.createElement(name);
    made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function build() {
    dialog = element("dialog", "lightbox");
    dialog.setAttribute("aria-label", "Figure");
    var bar = element("div", "lightbox__bar");
    title = element("span", "lightbox__title");
    title.setAttribute("aria-live", "polite");
    before = button("←", "Previous figure", function () { show(place - 1); });
    after = button("→", "Next figure", function () { show(place + 1); });
    motion = button("", "", function () {}); // animation.js knows it by its file
    motion.className = "button animation__button";
    link = element("a", "button", "Open figure page");
    bar.append(title, motion, before, after, link, button("✕", "Close", function () { dialog.close(); }));
    stage = element("div", "lightbox__stage");
    image = element("img", "");
    mount = element("span", "lightbox__mount");
    mount.append(image);
    stage.append(mount);
    legend();
    words = element("p", "lightbox__words");
    dialog.append(bar, stage, scale.parentNode, words);
    document.body.append(dialog);

    dialog.addEventListener("keydown", function (event) {
      if (event.key === "ArrowLeft") show(place - 1);
      if (event.key === "ArrowRight") show(place + 1);
    });
    dialog.addEventListener("click", function (event) {
      if (event.target === stage || event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", function () {
      if (history.state && history.state.lightbox) history.back();
      if (row[place]) row[place].focus();
    });
    window.addEventListener("popstate", function () {
      if (dialog.open) dialog.close();
    });
  }

  /* The colour bar of what is shown, and how far a map covers its photo; that is one for the whole page. */
  function legend() {
    var around = element("div", "lightbox__legend"), slider = element("input", "");
    scale = element("span", "scale");
    fader = element("label", "fader", "Map over photo ");
    slider.type = "range";
    slider.value = 100;
    slider.setAttribute("aria-label", "Opacity of the map over the photo");
    slider.addEventListener("input", function () { document.body.style.setProperty("--fade", slider.value / 100); });
    slider.addEventListener("keydown", function (event) { event.stopPropagation(); }); // its arrows are its own
    fader.append(slider);
    around.append(scale, fader);
  }

  function explain(picture) {
    var ends = (picture.dataset.scale || "").split("|"), under = picture.matches(".picture--fade") && picture.style.backgroundImage;
    scale.hidden = ends.length < 3;
    scale.replaceChildren(element("span", "", ends[0]), element("i", "scale__ramp scale__ramp--" + ends[1]), element("span", "", ends[2] || ""));
    mount.style.backgroundImage = under || "none";
    mount.classList.toggle("lightbox__mount--fade", Boolean(under));
    fader.hidden = !under;
    fader.lastChild.value = Math.round((parseFloat(document.body.style.getPropertyValue("--fade")) || (document.body.style.getPropertyValue("--fade") === "0" ? 0 : 1)) * 100);
  }

  function button(sign, name, act) {
    var made = element("button", "button", sign);
    made.type = "button";
    made.setAttribute("aria-label", name);
    made.addEventListener("click", act);
    return made;
  }

  function show(next) {
    if (next < 0 || next >= row.length) return;
    place = next;
    var picture = row[place], small = picture.querySelector("img"), data = picture.dataset;
    // Small maps grow by whole steps, so that every value stays a clean square.
    var width = data.width || small.getAttribute("width"), height = data.height || small.getAttribute("height");
    var room = Math.min((window.innerWidth - 40) / width, (window.innerHeight - 160) / height);
    var scale = room >= 2 ? Math.floor(room) : room;
    var film = picture.parentNode.querySelector(".animation__button"), moves = film && film.parentNode.lastChild.textContent;
    image.src = data.zoom || (film && film.dataset.poster) || small.getAttribute("src");
    image.alt = small.alt;
    words.textContent = film ? small.alt.replace(/\.?$/, ". In motion: " + moves + ".") : small.alt;
    rest(film && film.dataset);
    explain(picture);
    image.width = Math.round(width * scale);
    image.height = Math.round(height * scale);
    title.textContent = data.caption || "";
    link.href = picture.href;
    link.hidden = !picture.getAttribute("href");
    stage.className = "lightbox__stage";
    if (picture.matches(".picture--photo, .picture--strip")) stage.classList.add("lightbox__stage--smooth");
    if (picture.matches(".picture--zero-white")) stage.classList.add("lightbox__stage--zero-white");
    before.disabled = place === 0;
    after.disabled = place === row.length - 1;
  }

  /* Nothing plays yet, and where nothing can, the keys stay with the dialog. `film` is what the page's button knows. */
  function rest(film) {
    delete motion.dataset.poster;
    motion.dataset.animation = film ? film.animation : "";
    motion.dataset.name = film ? film.name : "";
    motion.setAttribute("aria-label", "Play " + motion.dataset.name);
    if (!film && document.activeElement === motion) link.focus();
    motion.hidden = !film;
  }

  window.innerview.enliven("a[data-zoom]", function () {
    if (listed) return;
    listed = true;
    window.innerview.keys.list("Enlarged figures", [
      ["Enter", "Enlarge the figure that has the keyboard"], ["← →", "Previous or next figure"], ["Esc", "Close"]
    ]);
  });

  document.addEventListener("click", function (event) {
    var picture = event.target.closest("a[data-zoom]");
    if (!picture || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (!dialog) build();
    var around = picture.closest("tr, .showcase, .page-header, .view__folded, .section") || document;
    row = Array.prototype.slice.call(around.querySelectorAll("a[data-zoom]"));
    show(row.indexOf(picture));
    dialog.showModal();
    history.pushState({ lightbox: true }, "");
  });
})();
