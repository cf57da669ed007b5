// A sign-in link is used by a post, so that a mere preview of it spends nothing; with script the post is sent at once.
document.querySelector("[data-entrance]")?.requestSubmit();
