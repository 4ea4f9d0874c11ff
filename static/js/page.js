/* On every page: where the study's tabs do not fit, the one that the person is on is scrolled into sight. */

const here = document.querySelector(".tabs [aria-current]");
const tabs = here?.closest(".tabs");
if (tabs) {
  const [tab, row] = [here.getBoundingClientRect(), tabs.getBoundingClientRect()];
  tabs.scrollLeft += tab.left - row.left - (row.width - tab.width) / 2;
}
