-- name: has_owner
SELECT EXISTS (SELECT 1 FROM account WHERE role = 'owner' AND password != '');

-- name: other_owner
SELECT EXISTS (SELECT 1 FROM account WHERE role = 'owner' AND password != '' AND key != :key);

-- name: accounts
SELECT name, role, password != '', made_at,
  (SELECT max(used_at) FROM account_session WHERE account = account.id)
FROM account ORDER BY name COLLATE NOCASE, key;

-- name: account
SELECT id, name, role, password FROM account WHERE key = :key;

-- name: make
INSERT INTO account (key, name, role, made_at) VALUES (:key, :name, :role, :now) ON CONFLICT (key) DO NOTHING;

-- name: set_role
UPDATE account SET role = :role WHERE key = :key;

-- name: set_password
UPDATE account SET password = :password WHERE key = :key;

-- name: remove
DELETE FROM account WHERE key = :key;

-- name: begin_session
INSERT INTO account_session (secret, account, agent, made_at, used_at)
SELECT :secret, id, :agent, :now, :now FROM account WHERE key = :key;

-- name: session
SELECT account_session.id, account.name, account.role, used_at FROM account_session
JOIN account ON account.id = account_session.account
WHERE secret = :secret AND account_session.made_at > :made_after AND used_at > :used_after;

-- name: sessions
SELECT account_session.id, agent, account_session.made_at, used_at FROM account_session
JOIN account ON account.id = account_session.account
WHERE account.key = :key AND account_session.made_at > :made_after AND used_at > :used_after ORDER BY used_at DESC;

-- name: use_session
UPDATE account_session SET used_at = :now WHERE id = :id;

-- name: end_session
DELETE FROM account_session WHERE id = :id AND account = (SELECT id FROM account WHERE key = :key);

-- name: end_sessions
DELETE FROM account_session
WHERE account = (SELECT id FROM account WHERE key = :key) AND (:but IS NULL OR id != :but);

-- name: forget_sessions
DELETE FROM account_session WHERE made_at <= :made_after OR used_at <= :used_after;

-- name: keep_code
INSERT INTO account_code (secret, key, name, role, expires_at) VALUES (:secret, :key, :name, :role, :expires_at);

-- name: code
SELECT key, name, role FROM account_code WHERE secret = :secret AND (expires_at IS NULL OR expires_at > :now);

-- name: forget_codes
DELETE FROM account_code WHERE key = :key OR expires_at <= :now;

-- name: make_token
INSERT INTO account_token (name, role, secret, made_by, made_at) VALUES (:name, :role, :secret, :by, :now)
ON CONFLICT (name) DO NOTHING RETURNING id;

-- name: token
SELECT id, name, role, used_at FROM account_token WHERE secret = :secret;

-- name: tokens
SELECT id, name, role, made_by, made_at, used_at FROM account_token ORDER BY name COLLATE NOCASE;

-- name: use_token
UPDATE account_token SET used_at = :now WHERE id = :id;

-- name: remove_token
DELETE FROM account_token WHERE id = :id RETURNING name;

-- name: note
INSERT INTO audit (at, who, action, about, detail) VALUES (:at, :who, :action, :about, :detail);

-- name: forget_notes
DELETE FROM audit WHERE at < :before;

-- name: forget_refusals
DELETE FROM audit WHERE action = :action
AND id <= (SELECT id FROM audit WHERE action = :action ORDER BY id DESC LIMIT 1 OFFSET :most);

-- name: notes
SELECT id, at, who, action, about, detail FROM audit
WHERE id < :before AND (:who IS NULL OR who = :who) AND (:action IS NULL OR action = :action)
ORDER BY id DESC LIMIT :limit;

-- name: note_actions
SELECT DISTINCT action FROM audit ORDER BY action;

-- name: note_people
SELECT DISTINCT who FROM audit ORDER BY who;
