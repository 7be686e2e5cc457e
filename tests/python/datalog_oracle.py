"""Checks answers of RunDatalogReasoning with owlrl, an independent OWL 2 RL reasoner.

    python3 -m venv VENV && VENV/bin/pip install owlrl==7.6.2 rdflib==7.6.0
    VENV/bin/python datalog_oracle.py < CASES

Standard input has one JSON object per line:

    {"facts": {"edges": [[source, property, target], ..], "classes": [[node, class], ..]},
     "rules": {the parameters of RunDatalogReasoning; a list may be missing},
     "inferred": {the result: "inferred_count", "inferred_triples"}}

No property may be called `type` or `rdf:type`: the answer does not tell such an edge from a class. Nodes, properties
and classes may share names. A case takes about 20 ms. Exits 1 at the first case that differs and prints it.
"""

import json
import sys
from urllib.parse import quote

from owlrl import DeductiveClosure, OWLRL_Semantics
from rdflib import OWL, RDF, RDFS, BNode, Graph, URIRef
from rdflib.collection import Collection

# Wire name of a list of pairs, and what a pair says in OWL.
AXIOMS = {
    "subclass_relations": ("class", RDFS.subClassOf, "class"),
    "subproperty_relations": ("property", RDFS.subPropertyOf, "property"),
    "inverse_properties": ("property", OWL.inverseOf, "property"),
    "domain_rules": ("property", RDFS.domain, "class"),
    "range_rules": ("property", RDFS.range, "class"),
}


class Names:
    """IRIs for names of three kinds, and back."""

    def __init__(self):
        self.names = {}

    def iri(self, kind, name):
        iri = URIRef(f"urn:{kind}:{quote(name, safe='')}")
        self.names[iri] = (kind, name)
        return iri

    def name(self, kind, iri):
        """The name, or None when the IRI is of another kind or OWL's own."""
        found, name = self.names.get(iri, (None, None))
        return name if found == kind else None


def ontology(names, facts, rules):
    graph = Graph()
    for source, name, target in facts["edges"]:
        graph.add((names.iri("node", source), names.iri("property", name), names.iri("node", target)))
    for node, name in facts["classes"]:
        graph.add((names.iri("node", node), RDF.type, names.iri("class", name)))
    for rule, (left, axiom, right) in AXIOMS.items():
        for one, other in rules.get(rule, []):
            graph.add((names.iri(left, one), axiom, names.iri(right, other)))
    for name in rules.get("symmetric_properties", []):
        graph.add((names.iri("property", name), RDF.type, OWL.SymmetricProperty))
    for name in rules.get("transitive_properties", []):
        graph.add((names.iri("property", name), RDF.type, OWL.TransitiveProperty))
    for first, second, result in rules.get("property_chains", []):
        chain = BNode()
        Collection(graph, chain, [names.iri("property", first), names.iri("property", second)])
        graph.add((names.iri("property", result), OWL.propertyChainAxiom, chain))
    return graph


def closure(facts, rules):
    """All edges and all memberships of nodes in classes, given ones included."""
    names = Names()
    graph = ontology(names, facts, rules)
    DeductiveClosure(OWLRL_Semantics, axiomatic_triples=False, datatype_axioms=False).expand(graph)
    edges, memberships = set(), set()
    for subject, predicate, object in graph:
        source = names.name("node", subject)
        property_name, target = names.name("property", predicate), names.name("node", object)
        class_name = names.name("class", object) if predicate == RDF.type else None
        if None not in (source, property_name, target):
            edges.add((source, property_name, target))
        elif None not in (source, class_name):
            memberships.add((source, class_name))
    return edges, memberships


def joined(edges, first, second, result):
    """What one chain gives."""
    by_source = {}
    for source, name, target in edges:
        if name == second:
            by_source.setdefault(source, set()).add(target)
    return {(s, result, far) for s, name, t in edges if name == first for far in by_source.get(t, ())}


def expected_classes(edges, memberships, facts, rules):
    """The facts about classes with their types: each rule applied once more to the closure."""
    domain = {
        (source, "rdf:type", c, "domain_inference")
        for source, name, _ in edges
        for rule, c in rules.get("domain_rules", [])
        if rule == name
    }
    range_ = {
        (target, "rdf:type", c, "range_inference")
        for _, name, target in edges
        for rule, c in rules.get("range_rules", [])
        if rule == name
    }
    subclass = {
        (node, "type", above, "rust_datalog")
        for node, c in memberships
        for below, above in rules.get("subclass_relations", [])
        if below == c and [node, above] not in facts["classes"]
    }
    return domain | range_ | subclass


def difference(case):
    """What is wrong with the answer, or None."""
    facts, rules, answer = case["facts"], case["rules"], case["inferred"]
    keys = ("subject", "predicate", "object", "inference_type")
    found = [tuple(triple[key] for key in keys) for triple in answer["inferred_triples"]]
    if answer["inferred_count"] != len(found) or len(set(found)) != len(found):
        return "wrong count, or a fact twice"
    edges, memberships = closure(facts, rules)
    found_edges = {fact for fact in found if fact[1] not in ("type", "rdf:type")}
    expected_edges = edges - {tuple(edge) for edge in facts["edges"]}
    found_classes = set(found) - found_edges
    classes = expected_classes(edges, memberships, facts, rules)
    untyped = {fact[:3] for fact in found_edges}
    if len(untyped) != len(found_edges):
        return "an edge with two types"
    if untyped != expected_edges:
        return f"edges missing {expected_edges - untyped}, wrong {untyped - expected_edges}"
    if found_classes != classes:
        return f"classes missing {classes - found_classes}, wrong {found_classes - classes}"
    chained = set().union(*(joined(edges, *chain) for chain in rules.get("property_chains", [])))
    for *edge, kind in found_edges:
        if kind != "rust_datalog" and (kind != "property_chain" or tuple(edge) not in chained):
            return f"{edge} is no {kind}"
    return None


def main():
    cases = 0
    for line in sys.stdin:
        case = json.loads(line)
        wrong = difference(case)
        if wrong:
            sys.exit(f"FAILED case {cases}: {wrong}\n{line}")
        cases += 1
    if not cases:
        sys.exit("no cases")
    print(f"ok {cases} cases")


if __name__ == "__main__":
    main()
