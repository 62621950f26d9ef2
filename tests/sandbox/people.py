# SPDX-License-Identifier: MIT
"""The people of the organization: users, members, teams, tokens and their scopes. Knows no issues."""

import base64
import hashlib
import json

EVENT = ("event:read", "event:write", "event:admin")
ORG = ("org:read", "org:write", "org:admin")
PROJECT = ("project:read", "project:write", "project:admin")
MEMBER = ("member:read", "member:write", "member:admin")
RELEASES = ("project:read", "project:write", "project:admin", "project:releases", "org:ci")
ALL_SCOPES = (*EVENT, *ORG, *PROJECT, "project:releases", *MEMBER, "team:read", "team:write", "team:admin",
              "alerts:read", "alerts:write", "org:integrations")

PEOPLE = (  # username, name, organization role, pending, active
    ("jane", "Jane Okafor", "owner", False, True), ("bob", "Bob Lindqvist", "manager", False, True),
    ("mei", "Mei-Ling Tan", "member", False, True), ("rafael", "Rafael Souza", "member", False, True),
    ("oyku", "Öykü Şahin", "member", False, True), ("pat", "Pat O'Neil", "admin", False, True),
    ("ivan", "Ivan Petrov", "member", False, False), ("newhire", "newhire@acme.example", "member", True, True),
)
TEAMS = (  # slug, name, indices of members, indices of the projects that it may see
    ("backend", "Backend", (0, 1, 3), (0, 1)), ("frontend", "Front End", (0, 2, 4), (0,)),
    ("native", "Native", (1, 5), (2,)), ("platform", "Platform", (0, 1, 2, 3, 4, 5), None),
)


class User:
    def __init__(self, index, username, name, role, pending, active, joined):
        self.index, self.id, self.member_id = index, str(index + 1), str(index + 501)
        self.username, self.name, self.role = username, name, role
        self.email, self.pending, self.active, self.joined = username + "@acme.example", pending, active, joined
        self.bit = 1 << index

    def actor(self):
        return {"type": "user", "id": self.id, "name": self.name, "email": self.email}

    def full(self):
        """The whole user object, as activities, seenBy, participants and statusDetails.actor carry it."""
        digest = hashlib.md5(self.email.encode()).hexdigest()
        return {
            "id": self.id, "name": self.name, "username": self.username, "email": self.email,
            "avatarUrl": f"https://gravatar.example/avatar/{digest}?s=32&d=mm", "isActive": self.active,
            "isSuspended": False, "hasPasswordAuth": True, "isManaged": False, "dateJoined": self.joined,
            "lastLogin": self.joined, "has2fa": False, "lastActive": self.joined, "isSuperuser": False,
            "isStaff": False, "experiments": {}, "emails": [
                {"id": self.id, "email": self.email, "is_verified": True}],
            "avatar": {"avatarType": "letter_avatar", "avatarUuid": None, "avatarUrl": None},
        }

    def member(self):
        return {
            "id": self.member_id, "email": self.email, "name": self.name,
            "user": None if self.pending else self.full(), "orgRole": self.role, "role": self.role,
            "roleName": self.role.title(), "pending": self.pending, "expired": False, "flags": {
                "idp:provisioned": False, "idp:role-restricted": False, "sso:linked": False, "sso:invalid": False,
                "member-limit:restricted": False, "partnership:restricted": False},
            "dateCreated": self.joined, "inviteStatus": "approved", "inviterName": None, "externalUsers": [],
        }


class Team:
    def __init__(self, index, slug, name, members, projects, created):
        self.index, self.id, self.slug, self.name = index, str(index + 11), slug, name
        self.members, self.projects, self.created = members, projects, created

    def sees(self, project):
        return self.projects is None or project.index in self.projects or project.index > 2

    def actor(self):
        return {"type": "team", "id": self.id, "name": self.slug}

    def brief(self):
        return {"id": self.id, "name": self.name, "slug": self.slug}

    def full(self, user):
        return {
            "id": self.id, "slug": self.slug, "name": self.name, "dateCreated": self.created,
            "isMember": user is not None and user.index in self.members, "teamRole": "contributor", "flags": {
                "idp:provisioned": False},
            "access": ["event:read", "org:read", "project:read", "team:read"], "hasAccess": True, "isPending": False,
            "memberCount": len(self.members),
            "avatar": {"avatarType": "letter_avatar", "avatarUuid": None, "avatarUrl": None},
        }


class Token:
    def __init__(self, text, scopes, user=None, expired=False, kind="user"):
        self.text, self.scopes, self.user, self.expired, self.kind = text, frozenset(scopes), user, expired, kind


def user_token(mark):
    return "sntryu_" + hashlib.sha256(f"sandbox {mark}".encode()).hexdigest()


def org_token_valid(text):
    """`sntrys_` + base64 of a JSON claim + `_` + secret, exactly two underscores."""
    parts = text.split("_")
    if len(parts) != 3 or not parts[2]:
        return False
    try:
        claim = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return False
    return isinstance(claim, dict) and "org" in claim


def org_token(slug, url):
    claim = {"iat": 1760000000.5, "url": url, "region_url": url, "org": slug}
    packed = base64.b64encode(json.dumps(claim).encode()).decode().rstrip("=")
    return f"sntrys_{packed}_" + base64.b64encode(hashlib.sha256(b"sandbox org").digest()).decode().rstrip("=")


class People:
    def __init__(self, seed, scopes, when):
        self.users = [User(i, *p, when) for i, p in enumerate(PEOPLE)]
        self.teams = [Team(i, *t, when) for i, t in enumerate(TEAMS)]
        jane, bob = self.users[0], self.users[1]
        self.default = Token(user_token(f"default {seed}"), scopes or ALL_SCOPES, jane)
        self.tokens = {t.text: t for t in (
            self.default,
            Token("sntryu_" + "e0" * 32, ALL_SCOPES, jane, expired=True),
            Token("expired-token", ALL_SCOPES, jane, expired=True),
            Token("sntryu_" + "01" * 32, ("event:read", "org:read", "project:read", "member:read", "team:read"), jane),
            Token("sntryu_" + "02" * 32, ("event:read",), jane),
            Token("sntryi_" + "03" * 32, ALL_SCOPES, None, kind="integration"),
            Token("sntryu_" + "04" * 32, ALL_SCOPES, bob),
            Token("sntryu_" + "05" * 32, ("event:read", "event:write"), jane),
            Token("ab" * 32, ALL_SCOPES, jane),
        )}

    def add_token(self, scopes, user_id=None, expired=False):
        user = next((u for u in self.users if u.id == str(user_id)), self.users[0])
        token = Token(user_token(f"made {len(self.tokens)}"), scopes, user, expired)
        self.tokens[token.text] = token
        return token

    def by_id(self, user_id):
        return next((u for u in self.users if u.id == str(user_id)), None)

    def by_name(self, name):
        return next((u for u in self.users if name.lower() in (u.username.lower(), u.email.lower())), None)

    def team(self, key):
        return next((t for t in self.teams if key in (t.id, t.slug)), None)
