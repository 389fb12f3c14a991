"""Routes that must be refused, and routes that must not, in the words of an operator's terraform.tfvars."""

from __future__ import annotations

from typing import Any, Final

#: What Terraform's routes know of secrets beside themselves.
SECRETS: Final = ("openai", "other")
GOOGLE: Final = "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi"
RUN: Final = "https://llm-abc.a.run.app/v1"
LONG: Final = "x" * 129

Routes = dict[str, Any]


def target(**changes: Any) -> dict[str, Any]:
    """A good target of a hosted API, changed; a change to None takes the field away."""
    usual = {"name": "nano", "provider": "openai", "model": "gpt-5.4-nano", "secret": "openai"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def one(**changes: Any) -> Routes:
    """One route with one such target."""
    return {"default": "a", "routes": {"a": {"targets": [target(**changes)]}}}


def several(default: str = "a", /, **by_alias: list[dict[str, Any]]) -> Routes:
    """Routes by alias, each with its targets."""
    return {"default": default, "routes": {alias: {"targets": some} for alias, some in by_alias.items()}}


def by_identity(**changes: Any) -> Routes:
    """One target that an access token opens."""
    usual = {"secret": None, "auth": "access_token", "model": "google/gemini-3.5-flash", "base_url": GOOGLE}
    return one(**(usual | changes))


def job(**changes: Any) -> Routes:
    """A route whose batches a Cloud Run job works off, with one that answers at once."""
    usual = {
        "name": "own", "secret": None, "lane": "batch", "max_output": 1000, "runner": "job",
        "job": "projects/p/locations/r/jobs/drain", "drain": "gs://p-drains",
    }  # fmt: skip
    route = {"choose": "cheapest", "targets": [target(**(usual | changes)), target()]}
    return {"default": "a", "routes": {"a": route}}


def kept(choose: str | None = "cheapest", **changes: Any) -> Routes:
    """A route with a target that its provider keeps, beside one that answers at once."""
    usual = {"name": "kept", "model": "gpt-6-luna", "lane": "background", "max_output": 1000}
    route = {"targets": [target(**(usual | changes)), target()]}
    return {"default": "a", "routes": {"a": route | ({"choose": choose} if choose else {})}}


def alike(**changes: Any) -> Routes:
    """A route with similar answers, whose embedder and judge other routes have."""
    usual = {"max_wrong": 0.05, "embedder": "embedding"}
    said = {name: value for name, value in (usual | changes).items() if value is not None}
    embedding = target(name="embedding", model="text-embedding-3-small")
    lazy = target(name="lazy", lane="batch", max_output=10)
    routes = {
        "a": {"targets": [target()], "similar": said},
        "b": {"targets": [embedding]},
        "c": {"choose": "cheapest", "targets": [lazy, target(name="judge")]},
        "d": {"targets": [target(name="own", provider="tgi", base_url="http://engine:80", secret=None)]},
    }
    return {"default": "a", "routes": routes}


#: Name => the routes, and what the plan says of them. The functions refuse each at start too.
BAD: Final[dict[str, tuple[Routes, str]]] = {
    # From the field.
    "one name, two targets": (
        several(a=[target(name="n")], b=[target(name="n", model="gpt-5.4-mini")]),
        "target n is described differently than its namesake",
    ),
    "an alias with a space": (several("my model", **{"my model": [target(name="n 1")]}), "An alias must be"),
    "no secret": (one(secret=None), "target nano needs a secret"),
    "an empty url": (one(base_url=""), "no http(s) address"),
    "no scheme": (one(base_url="api.together.xyz/v1"), "no http(s) address"),
    "tgi without url": (one(provider="tgi", secret=None), "tgi server and needs a base_url"),
    "a password in the url": (one(base_url="https://user:pass@llm.example.com/v1"), "no http(s) address"),
    # Names.
    "a name with a space": (one(name="n 1"), "target number 1 must have a name"),
    "an empty name": (one(name=""), "must have a name"),
    "a name too long": (one(name=LONG), "must have a name"),
    "a name with a line break": (one(name="nano\n"), "must have a name"),
    "an empty alias": (several("", **{"": [target()]}), "An alias must be"),
    "an alias too long": (several(LONG, **{LONG: [target()]}), "An alias must be"),
    "no such default": (several("b", a=[target()]), "routes.default names no route"),
    "a default with a space": (several("a ", a=[target()]), "routes.default names no route"),
    "no routes": ({"default": "a", "routes": {}}, "routes.default names no route"),
    "no targets": (several(a=[]), "Every route needs at least one target"),
    # What a route chooses by.
    **{
        f"a route that {what}": (
            {"default": "a", "routes": {"a": {"targets": [target()]} | fields}},
            sentence,
        )
        for what, fields, sentence in (
            ("chooses the best", {"choose": "best"}, "must choose"),
            ("chooses nothing", {"choose": ""}, "must choose"),
            ("has no patience at all", {"choose": "cheapest", "patience": -1}, "a patience of 0 to"),
            ("waits 32 days", {"choose": "cheapest", "patience": 32 * 86400}, "a patience of 0 to"),
            ("is never sure", {"choose": "cheapest", "confidence": 0}, "a confidence above 0 and below 1"),
            ("is always sure", {"choose": "cheapest", "confidence": 1}, "a confidence above 0 and below 1"),
            ("is patient in order", {"patience": 60}, "only choose"),
            ("is sure in order", {"choose": "order", "confidence": 0.9}, "only choose"),
            (
                "splits into one",
                {"choose": "split", "experiment": "e", "weights": {"n": 1}},
                "fewer than two",
            ),
            (
                "splits without a name",
                {"choose": "split", "weights": {"n": 1, "m": 1}},
                "name its experiment",
            ),
            ("has weights in order", {"weights": {"n": 1, "m": 1}}, "only choose"),
            ("has checks in order", {"checks": {"n": {"form": True}}}, "only choose"),
            ("cascades over one", {"choose": "cascade"}, "2 to 5"),
            ("looks around", {"choose": "cascade", "checks": {"n": {"matches": "(?=a)"}}}, "no regular"),
            ("matches half", {"choose": "cascade", "checks": {"n": {"matches": "("}}}, "no regular"),
            (
                "has a judge of another house",
                {"choose": "cascade", "checks": {"n": {"judge": {"target": "x", "at_least": 7}}}},
                "no target of any route",
            ),
            (
                "wants more than all",
                {"choose": "cascade", "checks": {"n": {"judge": {"target": "nano", "at_least": 11}}}},
                "from 1 to 10",
            ),
            (
                "asks how likely where nobody tells",
                {"choose": "cascade", "checks": {"nano": {"likely": 0.9}}},
                "give the target logprobs",
            ),
            (
                "likely as can be",
                {"choose": "cascade", "checks": {"n": {"likely": 1}}},
                "above 0 and below 1",
            ),
            ("checks nothing", {"choose": "cascade", "checks": {"n": {}}}, "asks nothing"),
        )
    },
    # Fields of a target.
    "no provider": (one(provider=None), "needs a provider"),
    "an unknown provider": (one(provider="anthropic"), "needs a provider"),
    "a provider in capitals": (one(provider="OpenAI"), "needs a provider"),
    "another name of the limit": (one(max_tokens_as="tokens"), "must have max_tokens_as"),
    "an empty name of the limit": (one(max_tokens_as=""), "must have max_tokens_as"),
    "a name of the limit at tgi": (
        one(provider="tgi", secret=None, base_url=RUN, auth="id_token", max_tokens_as="max_tokens"),
        "is no openai server",
    ),
    "an answer of no length": (one(max_output=0), "must have a max_output"),
    "half a token": (one(max_output=100.5), "must have a max_output"),
    "an answer without end": (one(max_output=10_000_001), "must have a max_output"),
    "an empty tier": (one(service_tier=""), "must have a service_tier"),
    "a tier in capitals": (one(service_tier="Flex"), "must have a service_tier"),
    "a tier with a line break": (one(service_tier="flex\n"), "must have a service_tier"),
    "a tier at tgi": (
        one(provider="tgi", secret=None, base_url=RUN, auth="id_token", service_tier="flex"),
        "is no openai server, which alone takes service_tier",
    ),
    "a prompt cache of another server": (
        one(provider="tgi", secret=None, base_url=RUN, auth="id_token", prompt_cache=True),
        "is no openai server, which alone takes prompt_cache",
    ),
    "logprobs of another server": (
        one(provider="tgi", secret=None, base_url=RUN, auth="id_token", logprobs=True),
        "is no openai server, which alone takes logprobs",
    ),
    "an empty model": (one(model=""), "must have a model"),
    "a blank model": (one(model=" "), "must have a model"),
    "a model with a space at its end": (one(model="gpt-5.4-nano "), "must have a model"),
    "a model with a line break": (one(model="gpt\n5"), "must have a model"),
    "a model too long": (one(model="m" * 257), "must have a model"),
    "a scheme in capitals": (one(base_url="HTTPS://api.example.com/v1"), "no http(s) address"),
    "another scheme": (one(base_url="ftp://api.example.com"), "no http(s) address"),
    "a url with a space at its end": (one(base_url="https://api.example.com/v1 "), "no http(s) address"),
    "a url with a space inside": (one(base_url="https://api.example .com/v1"), "no http(s) address"),
    "a url with a line break": (one(base_url="https://api.example.com/v1\n"), "no http(s) address"),
    "a url without host": (one(base_url="https://"), "no http(s) address"),
    "a call of no time": (one(timeout_s=0), "timeout_s above 0 and at most 480"),
    "a call of less": (one(timeout_s=-1), "timeout_s above 0 and at most 480"),
    "a call beyond the budget": (one(timeout_s=480.5), "timeout_s above 0 and at most 480"),
    "nothing at once": (one(max_concurrency=0), "whole number from 1 to 10000"),
    "half a call at once": (one(max_concurrency=2.5), "whole number from 1 to 10000"),
    "too many at once": (one(max_concurrency=10_001), "whole number from 1 to 10000"),
    "an unknown price": (one(price="gpt-5.4-nanoo"), "names a price that the price book does not have"),
    "an empty price": (one(price=""), "names a price that the price book does not have"),
    # A call that its provider keeps.
    "another lane": (one(lane="slow"), "must have lane"),
    "a window of no length": (kept(window="24h"), "must have window"),
    "a window at once": (one(window="2h"), "which only lane background uses"),
    "a window that its model lacks": (kept(window="8h", model="gpt-5.4-nano"), "no price of its model"),
    "a window without a deadline": (kept(None, window="2h"), "keeps no deadline for it"),
    "a window at a tier": (kept(window="2h", service_tier="flex"), "at the standard tier alone"),
    "kept by tgi": (kept(provider="tgi", secret=None, base_url=RUN), "needs OpenAI's Responses API"),
    "kept, another name of the limit": (kept(max_tokens_as="max_tokens"), "has no max_tokens_as"),
    "kept, without a longest answer": (kept(max_output=None), "give it a max_output"),
    "kept alone, with deadlines": (
        {
            "default": "a",
            "routes": {"a": {"choose": "cheapest", "targets": [target(lane="background", max_output=9)]}},
        },
        "lanes that wait alone",
    ),
    # A machine of one's own for batches.
    "a job of no form": (job(job="drain"), "give it a job, projects/P/locations/R/jobs/J"),
    "a job and Spot VMs": (job(spot="projects/p/locations/r"), "or a spot, projects/P/locations/R"),
    "no job": (job(job=None), "give it a job, projects/P/locations/R/jobs/J"),
    "no drain": (job(drain=None), "and a drain, gs://BUCKET"),
    "a folder for a job": (job(drain="/tmp/x"), "and a drain, gs://BUCKET"),
    "a job that OpenAI runs": (job(runner="openai", secret="openai"), "which only runner job uses"),
    "more lines than a batch has": (job(min_lines=6000), "from 1 to its max_lines"),
    "no line at all": (job(min_lines=0), "from 1 to its max_lines"),
    # How it is let in.
    "an unknown way in": (one(auth="oauth"), 'must have auth "key"'),
    "an empty secret": (one(secret=""), "not in var.secrets"),
    "a secret with a space": (one(secret="open ai"), "not in var.secrets"),
    "an empty version": (one(secret_version=""), "secret_version"),
    "a version with a space": (one(secret_version="3 "), "secret_version"),
    "an ID token to nowhere": (one(secret=None, auth="id_token"), "needs a base_url for its auth"),
    "an ID token and a secret": (one(auth="id_token", base_url=RUN), "has a secret beside its auth"),
    "an access token to nowhere": (by_identity(base_url=None), "needs a base_url for its auth"),
    "an access token and a secret": (by_identity(secret="openai"), "has a secret beside its auth"),
    "an access token for tgi": (by_identity(provider="tgi"), "its provider must be openai"),
    "an access token for offline": (by_identity(provider="offline"), "its provider must be openai"),
    **{
        f"an access token to {url}": (by_identity(base_url=url), "a base_url of Google's")
        for url in (
            RUN,
            "https://api.openai.com/v1",
            "http://aiplatform.googleapis.com/v1",
            "https://aiplatform.googleapis.com.example.com/v1",
            "https://evilgoogleapis.com/v1",
            "https://googleapis.com/v1",
            "https://example.com/aiplatform.googleapis.com",
            "https://example.com#.googleapis.com/",
            "https://aiplatform.googleapis.com:8443/v1",
            "https://aiplatform.googleapis.com/v1?x=1",
            "http://127.0.0.1:8080/v1",
            "http://metadata.google.internal/v1",
        )
    },
    "as many wrong as right": (alike(max_wrong=1), "must have a similar.max_wrong above 0 and below 1"),
    "none may ever be wrong": (alike(max_wrong=0), "must have a similar.max_wrong above 0 and below 1"),
    "an embedder that is nobody": (alike(embedder="x"), "has a similar.embedder that is no openai server"),
    "an embedder that is no openai server": (
        alike(embedder="own"),
        "has a similar.embedder that is no openai server",
    ),
    "a verifier that waits": (alike(verifier="lazy"), "has a similar.verifier that is no target"),
    "a verifier that is the embedder": (alike(verifier="embedding"), "has a similar.verifier that is no"),
    "a judge that is nobody": (alike(judge="x"), "has a similar.judge that is neither"),
    "vectors longer than Firestore's": (alike(dimension=2049), "must have a similar.dimension"),
    "audits of nothing": (alike(audit=0), "must have a similar.audit"),
    "room for no question": (alike(cap=0), "must have a similar.cap"),
}

#: Keys where names belong; each must be refused by both, and shown by neither.
KEYS: Final = ("sk-planted", "sk-proj-planted0123456789", "AIzaSyplanted0123456789", "gsk_planted0123456789")
PASTED: Final[dict[str, Routes]] = {
    **{f"{key} as a secret": one(secret=key) for key in (*KEYS, "hf_planted0123456789abcd")},
    "as a secret's version": one(secret_version="sk-planted"),
    "as a name": one(name="sk-planted"),
    "as a model": one(model="sk-planted"),
    "as an alias": several("sk-planted", **{"sk-planted": [target()]}),
    "as the default": several("sk-planted", a=[target()]),
    "as a price": one(price="sk-planted"),
    "as a provider": one(provider="sk-planted"),
    "as a way in": one(auth="sk-planted"),
    "as a tier": one(service_tier="sk-planted"),
    "as an address": one(base_url="sk-planted"),
    "in an address": one(base_url="https://api.example.com/v1?key=AIzaSyplanted0123456789"),
}

#: Routes that both take.
GOOD: Final[dict[str, Routes]] = {
    "similar answers": alike(verifier="nano", judge="c", dimension=256, audit=1, cap=100),
    "batches on a machine of one's own": job(min_lines=50),
    "batches on Spot VMs": job(job=None, spot="projects/p/locations/r"),
    "kept": one(lane="background"),
    "kept for eight, a snapshot": kept(window="8h", model="gpt-6-luna-2026-11-01"),
    "kept for eight, by its price": kept(window="8h", model="another", price="gpt-6-sol"),
    "hosted": one(),
    "a pinned version": one(secret_version="3"),
    "another address": one(
        base_url="https://api.together.xyz/v1", model="meta-llama/Llama-4", price="offline"
    ),
    "an address with port and query": one(base_url="https://h:8443/openai?api-version=2026-10-01"),
    "an address by number": one(base_url="http://[::1]:8000/v1"),
    "a name of the limit": one(max_tokens_as="max_completion_tokens"),
    "a tier": one(service_tier="flex"),
    "a prompt cache": one(prompt_cache=True),
    "the longest answer": one(max_output=1),
    "a model with a space inside": one(model="my model"),
    "a dated price": one(price="gpt-5.4-nano-2026-03-17"),
    "the cheapest": {
        "default": "a",
        "routes": {
            "a": {
                "choose": "cheapest",
                "patience": 3600,
                "confidence": 0.9,
                "targets": [target(), target(name="flex", service_tier="flex")],
            }
        },
    },
    "a split": {
        "default": "a",
        "routes": {
            "a": {
                "choose": "split",
                "experiment": "size",
                "weights": {"n": 9, "small": 1},
                "targets": [target(name="n"), target(name="small", model="another")],
            }
        },
    },
    "a cascade": {
        "default": "a",
        "routes": {
            "a": {
                "choose": "cascade",
                "checks": {
                    "n": {"one_of": ["yes", "no"], "matches": "[a-z]+"},
                    "m": {"judge": {"target": "l", "at_least": 7}, "likely": 0.9},
                },
                "targets": [target(name=name, model=name, logprobs=name == "m") for name in ("n", "m", "l")],
            }
        },
    },
    "in order": {"default": "a", "routes": {"a": {"choose": "order", "targets": [target()]}}},
    "tgi": one(provider="tgi", secret=None, base_url="https://tgi.example.com"),
    "offline": one(provider="offline", secret=None, model="offline"),
    "a private service": one(secret=None, auth="id_token", base_url=RUN, scales_to_zero=True),
    "a key by name": one(auth="key"),
    "Google, global": by_identity(),
    "Google, regional": by_identity(base_url=GOOGLE.replace("https://", "https://europe-west4-")),
    "the limits": one(timeout_s=480, max_concurrency=10_000, name="n" * 128, model="m" * 256),
    "the least": one(timeout_s=0.5, max_concurrency=1),
    "one target twice": several(
        a=[target(), target(name="mini", model="gpt-5.4-mini")],
        b=[target(timeout_s=120, max_concurrency=200)],
    ),
}
