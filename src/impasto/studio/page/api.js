// What the page asks of the studio. Every failure is an Error with a sentence for people.

export async function ask(path, { method = "GET", body, json } = {}) {
  const options = { method, body };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers = { "Content-Type": "application/json" };
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (!answer.ok) throw Object.assign(new Error(await sentence(answer)), { status: answer.status });
  return answer.status === 204 ? null : answer.json();
}

async function sentence(answer) {
  const text = await answer.text();
  try {
    return capital(JSON.parse(text).error);
  } catch {
    return capital(text || `the studio answered ${answer.status}`);
  }
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Calls `told` with a job's facts whenever there are new ones, until it is over; finds it again after a lost line.
// A page that nobody sees has no line: a browser has six for all of its tabs.
export function follow(id, told, lost) {
  let source = null, stopped = false, timer;
  const close = () => { clearTimeout(timer); source?.close(); source = null; };
  const open = () => {
    close();
    if (stopped || document.hidden) return;
    source = new EventSource(`/api/jobs/${id}/events`);
    source.onmessage = (message) => {
      const job = JSON.parse(message.data);
      if (over(job)) { stopped = true; close(); }
      told(job);
    };
    source.onerror = async () => {
      close();
      if (stopped) return;
      try {
        await ask(`/api/jobs/${id}`);
      } catch (error) {
        lost(error);
        if (error.status === 404) { stopped = true; return; }
      }
      timer = setTimeout(open, 1500);
    };
  };
  document.addEventListener("visibilitychange", open);
  open();
  return () => { stopped = true; document.removeEventListener("visibilitychange", open); close(); };
}

export function over(job) {
  return ["done", "stopped", "failed"].includes(job.state);
}

export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
