"""What each type of problem means. A problem detail's ``type`` leads to the page made from this."""

PROBLEMS = {
    "not-signed-in": (
        "You are not signed in",
        "The request carried no session, or one that has ended.",
        "Sign in and try again. A program sends `Authorization: Bearer` with a session that has not ended.",
    ),
    "not-allowed": (
        "Your role does not allow this",
        "You are signed in, but what you asked for needs a role that you do not have.",
        "Ask an administrator of your account to do it, or to give you the role.",
    ),
    "not-found": (
        "There is no such thing",
        "Nothing in your account has this id. What belongs to another account is answered in the same way.",
        "Check the id, and the account that you are signed in to.",
    ),
    "invalid": (
        "Some of this is not valid",
        "One or more values are missing, of the wrong kind or out of range. `fields` names each.",
        "Mend the fields named and send it again.",
    ),
    "wrong-method": (
        "The address does not know this method",
        "There is something at this address, but it cannot be asked for in this way.",
        "The API page tells which methods each address knows.",
    ),
    "refused": (
        "The request was refused",
        "It could not be understood as it was sent.",
        "The detail says what was wrong with it.",
    ),
    "key-reused": (
        "This Idempotency-Key was used before",
        "A key stands for one wish. This one was sent with another.",
        "Use a new key for each wish; repeat a key only to repeat the same request.",
    ),
    "bad-cursor": (
        "The cursor is not one of ours",
        "A cursor comes from `next` of the answer before. This one was changed, or is from another list.",
        "Start again without a cursor.",
    ),
    "connection-lost": (
        "Xero no longer accepts the connection",
        "It was ended at Xero, or unused for 60 days.",
        "An administrator connects again on the Accounting Link page. Nothing that was imported is lost.",
    ),
    "disconnected": (
        "The organisation was disconnected",
        "A person disconnected it from Xero. What was imported stays, and nothing new is read.",
        "An administrator connects it again on the Accounting Link page; its settings are as they were.",
    ),
    "still-connected": (
        "The organisation is connected",
        "What a connection imported can be removed only while it is disconnected.",
        "Disconnect it first. If it was disconnected this very moment, try again in a few seconds.",
    ),
    "already-in-xero": (
        "It is in Xero already",
        "The contact or its company comes from Xero, so there is nothing to create there.",
        "Open it in Xero. A person who is missing there is added there, and arrives with the next sync.",
    ),
    "too-many": (
        "That was asked too often",
        "Your account asked this more often than makes sense. `Retry-After` says in how many seconds it may again.",
        "Wait as long as it says, then try again.",
    ),
    "foreign-form": (
        "The form came from another site",
        "A form is only believed when this site's own page sent it.",
        "Open the page here and send its own form.",
    ),
    "other-origin": (
        "Another site's page asked for this",
        "A change was asked for with this browser's cookie, but not from this application's own address.",
        "Do it on this application's page. A program sends its session as `Authorization: Bearer` instead.",
    ),
    "not-a-service": (
        "This is for services only",
        "An inside address was asked for without a service's key.",
        "Check AUTH_LINK_SERVICE_KEY of the service that asks; it must be auth-link's.",
    ),
    "no-token-yet": (
        "Xero gives no access now",
        "Access to Xero is being renewed, or Xero does not answer.",
        "Try again in a few seconds. Nothing is lost meanwhile.",
    ),
    "sign-in-unavailable": (
        "Your sign-in cannot be checked now",
        "The service that knows who is signed in does not answer.",
        "Try again in a moment. You need not sign in again.",
    ),
    "unavailable": (
        "A service cannot be reached",
        "The gateway asked a service and got no answer.",
        "Nothing is lost. Try again in a moment.",
    ),
    "too-slow": (
        "A service took too long",
        "The gateway gave up waiting. What was asked may still have been done.",
        "Look whether it was done, then try again. A sync that is asked for twice with one key starts once.",
    ),
    "too-large": ("That is too large", "A request may carry 1 MB.", "Send less at once."),
    "too-long": ("That address is too long", "An address may have 4,000 characters.", "Ask for less at once."),
    "other-host": (
        "This is not the address of this application",
        "The gateway answers to its own name only.",
        "Use the address in the message.",
    ),
    "unexpected": (
        "Something broke on our side",
        "An error that nobody planned for. It was logged with the reference.",
        "Try again; if it stays, tell support the reference.",
    ),
}
