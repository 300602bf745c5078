-- A reply belongs to the thread of a case; it is sent after the case's own message.
ALTER TABLE outbox ADD COLUMN thread TEXT;

-- What was told beside the messages of cases: notices that are edited, replies in threads.
CREATE TABLE told (
    name    TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    message TEXT NOT NULL,
    words   TEXT NOT NULL
);
