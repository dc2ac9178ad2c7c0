/** Whether an image name matches a pattern in which `*` stands for any run of characters and everything else for itself. */
export function imageMatches(pattern: string, image: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === image;
  const first = parts[0]!;
  const last = parts[parts.length - 1]!;
  if (image.length < first.length + last.length || !image.startsWith(first) || !image.endsWith(last)) return false;
  const end = image.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = image.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
