// The pages at /docs come without a token, so they have to ask for one; it is kept for as long as the tab is open.

/** Runs in the page at /docs: sends the token with what goes to this API, and asks for one where it is refused. */
export const tokenScript = `const plainFetch = window.fetch;
window.fetch = async (target, options = {}) => {
  const request = new Request(target, options);
  if (new URL(request.url).origin !== location.origin || request.headers.has("authorization")) return plainFetch(request);
  const call = () => {
    const again = request.clone();
    const token = sessionStorage.getItem("token");
    if (token) again.headers.set("authorization", "Bearer " + token);
    return plainFetch(again);
  };
  const answer = await call();
  if (answer.status !== 401) return answer;
  const token = prompt("Token");
  if (!token) return answer;
  sessionStorage.setItem("token", token);
  return call();
};
`;
