// The curve of the loss, on a logarithmic scale.

export function drawCurve(canvas, points) {
  const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [Math.max(1, box.width * ratio), Math.max(1, box.height * ratio)];
  const pen = canvas.getContext("2d"), usable = points.filter(([, loss]) => loss > 0);
  if (usable.length < 2) return;
  const logs = usable.map(([, loss]) => Math.log(loss)), first = usable[0][0], last = usable[usable.length - 1][0];
  const low = Math.min(...logs), high = Math.max(...logs);
  pen.strokeStyle = getComputedStyle(canvas).getPropertyValue("--accent");
  pen.lineWidth = 2 * ratio;
  pen.beginPath();
  usable.forEach(([iteration], index) => {
    const x = (iteration - first) / (last - first || 1) * canvas.width;
    const y = canvas.height - 4 - (logs[index] - low) / (high - low || 1) * (canvas.height - 8);
    if (index) pen.lineTo(x, y); else pen.moveTo(x, y);
  });
  pen.stroke();
}
