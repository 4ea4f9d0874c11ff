/* Where one was reading: kept while the page is loaded again. */

const PREFIX = "conflictscope-label:place:";

export function keepPlace(sheet) {
  if (!sheet) return;
  const item = sheet.root.querySelector(".label-item");
  try {
    sessionStorage.setItem(PREFIX + sheet.token, JSON.stringify([scrollY, item.scrollTop]));
  } catch {
    // No storage: the page begins at its top again.
  }
}

export function returnToPlace(sheet) {
  try {
    const [page, item] = JSON.parse(sessionStorage.getItem(PREFIX + sheet.token)) ?? [0, 0];
    sessionStorage.removeItem(PREFIX + sheet.token);
    sheet.root.querySelector(".label-item").scrollTop = item;
    if (page) scrollTo(0, page);
  } catch {
    // As above.
  }
}
