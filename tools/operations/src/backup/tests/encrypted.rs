//! Encrypted runs: who can go on from them, who can read them, and what is never mixed.

use bytes::Bytes;
use rand::RngExt;

use super::fixture::{Fixture, GRAPH, STORE, empty};
use crate::backup::prune::{Keep, Pruning, prune};
use crate::backup::state::Entries;
use crate::backup::{BackupError, BackupRefused, Created, Done, Point};
use crate::encryption::{Identity, Keys, Locked};

const AGE: &[u8] = b"age-encryption.org/v1\n";

impl Fixture {
    /// From now on for these recipients, with these identities.
    fn keys(&mut self, recipients: &[&Identity], identities: &[&Identity]) {
        let recipients = recipients.iter().map(|identity| identity.to_public()).collect();
        let identities = identities.iter().map(|identity| (*identity).clone()).collect();
        self.objects = self.objects.clone().with_keys(Keys::new(recipients, identities));
    }

    fn put(&self, name: &str, bytes: impl Into<Bytes>) {
        self.objects.delete(name).unwrap();
        self.objects.put_new(name, bytes.into()).unwrap();
    }

    /// Packs and layers that are in the clear.
    fn clear_objects(&self) -> usize {
        let names = self.objects.list("stores").unwrap().into_iter().map(|found| found.name);
        let names = names.filter(|name| name.contains("/objects/"));
        names.filter(|name| !self.objects.get(name).unwrap().unwrap().starts_with(AGE)).count()
    }

    /// A restore fails for want of an identity, before anything is touched.
    fn is_locked(&self) -> Locked {
        let graphs = empty();
        let error = self.restore_into(&graphs, Point::Newest, false).unwrap_err();
        assert_eq!((graphs.graph_count(), graphs.migrating_graphs().len()), (1, 0));
        match error.downcast_ref() {
            Some(BackupError::Locked(locked)) => locked.clone(),
            _ => panic!("{error:#}"),
        }
    }
}

fn identities<const N: usize>() -> [Identity; N] {
    std::array::from_fn(|_| Identity::generate())
}

fn done(created: &Created) -> String {
    match &created.graphs.iter().find(|graph| graph.name == GRAPH).unwrap().done {
        Done::Increment => "increment".to_owned(),
        Done::Full(reason) => (*reason).to_owned(),
        Done::Unchanged => "unchanged".to_owned(),
        Done::Failed(error) => panic!("{error:#}"),
        Done::Gone => "gone".to_owned(),
    }
}

/// Three runs of one chain, made by a host that cannot read what it writes.
fn backed_up(offline: &Identity, host: &Identity) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.keys(&[offline], &[host]);
    for run in 0..3 {
        fixture.change(8);
        let done = done(&fixture.create(false).unwrap());
        assert_eq!(done, if run == 0 { "its first backup" } else { "increment" });
    }
    fixture
}

#[test]
fn a_host_goes_on_from_what_only_the_recipient_restores() {
    let [offline, host, stranger] = identities();
    let mut fixture = backed_up(&offline, &host);
    assert_eq!(fixture.clear_objects(), 0);
    let run = fixture.manifests().pop().unwrap().run;
    let stored = fixture.objects.get(&format!("stores/{STORE}/runs/{run}.json")).unwrap().unwrap();
    let stored = String::from_utf8(stored.to_vec()).unwrap();
    assert!(!stored.contains("memory") && !stored.contains("settled_ms"), "{stored}");

    let recipient = offline.to_public().to_string();
    for (identities, tried) in
        [(vec![], 0), (vec![&stranger], 1), (vec![&host], 1), (vec![&host, &stranger], 2)]
    {
        fixture.keys(&[], &identities);
        let locked = fixture.is_locked();
        assert_eq!((locked.recipients.as_slice(), locked.identities), (&[recipient.clone()][..], tried));
        assert!(locked.to_string().contains(&run), "{locked}");
    }
    fixture.keys(&[], &[&offline]);
    assert!(fixture.damaged_chains().is_empty());
    let chain = fixture.entry(GRAPH).unwrap().chain;
    assert_eq!(chain.len(), 3);
    for sequence in chain[0].sequence..=chain[2].sequence {
        assert_eq!(fixture.restore(Point::Sequence(sequence)).unwrap().content, fixture.model[&sequence]);
    }
}

#[test]
fn what_was_changed_or_cut_is_refused_and_named() {
    let [offline, host] = identities();
    let mut fixture = backed_up(&offline, &host);
    fixture.keys(&[], &[&offline]);
    let mut random = rand::rng();
    let manifest = fixture.manifests().pop().unwrap();
    for piece in fixture.entry(GRAPH).unwrap().chain {
        let (object, end) = (&piece.stored.object, piece.stored.end() as usize);
        let whole = fixture.objects.get(object).unwrap().unwrap();
        let begin = piece.stored.packed.unwrap().offset as usize;
        // What opens it, and its end; some of what is between.
        let some: Vec<usize> = (0..20).map(|_| random.random_range(begin..end)).collect();
        for at in (begin..begin + 12).chain(some).chain(end - 8..end) {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << random.random_range(0..8);
            for bytes in [Bytes::from(bytes), whole.slice(..at)] {
                fixture.put(object, bytes);
                let error = fixture.restore(Point::Newest).expect_err(&format!("{object} at {at}"));
                let error = error.downcast::<BackupError>().unwrap();
                assert!(
                    matches!(&error, BackupError::BadObject { object: named, .. } if named == object),
                    "{error}"
                );
            }
        }
        let found = fixture.damaged_chains();
        assert!(found.iter().all(|(_, damage)| damage.object == *object) && !found.is_empty());
        fixture.put(object, whole);
    }
    let layers = manifest.layers.iter().map(|layer| layer.object.clone());
    for name in layers.chain([format!("stores/{STORE}/runs/{}.json", manifest.run)]) {
        let whole = fixture.objects.get(&name).unwrap().unwrap();
        for at in (0..whole.len()).step_by(31).chain([whole.len() - 1]) {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << random.random_range(0..8);
            for bytes in [Bytes::from(bytes), whole.slice(..at)] {
                fixture.put(&name, bytes);
                let error = fixture.restore(Point::Newest).expect_err(&format!("{name} at {at}"));
                assert!(matches!(error.downcast_ref(), Some(BackupError::BadManifest { .. })), "{error:#}");
            }
        }
        fixture.put(&name, whole);
    }
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn nothing_goes_on_from_a_run_for_others_or_in_the_clear() {
    let [offline, host, next] = identities();
    let mut fixture = Fixture::new();
    fixture.change(5);
    fixture.create(false).unwrap();
    let named = [GRAPH.to_owned()];
    let turns = |fixture: &mut Fixture, to: &Identity, reason: &str| {
        fixture.keys(&[to], &[&host]);
        fixture.change(5);
        let refused = fixture.create_named(&named).map(|_| ()).unwrap_err();
        assert!(matches!(refused.downcast_ref(), Some(BackupRefused::NotOfAll { .. })), "{refused:#}");
        let created = fixture.create(false).unwrap();
        assert_eq!(done(&created), reason);
        assert!(created.warnings.iter().any(|warning| warning.contains(reason)), "{:?}", created.warnings);
        fixture.keys(&[to], &[&host, to]);
        assert_eq!(fixture.restore(Point::Newest).unwrap().content, *fixture.model.values().last().unwrap());
        fixture.keys(&[to], &[&host]);
        fixture.change(1);
        assert_eq!(done(&fixture.create(false).unwrap()), "increment");
    };
    turns(&mut fixture, &offline, "the backup before is in the clear");
    turns(&mut fixture, &next, "the backup before is encrypted for others");
    assert_ne!(fixture.clear_objects(), 0);
    // Nothing needs what was in the clear any more.
    fixture.keys(&[], &[&host]);
    let keep = Keep { last: 2, ..Keep::default() };
    let pruning = Pruning { keep, forget: &[], leftover_ms: 0, take_over: false, dry_run: false };
    prune(&fixture.objects, &pruning).unwrap();
    assert_eq!(fixture.clear_objects(), 0);
    fixture.keys(&[], &[&next]);
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn a_run_in_the_clear_behind_encrypted_ones_has_to_be_asked_for() {
    let [offline, host] = identities();
    let mut fixture = backed_up(&offline, &host);
    for identities in [vec![], vec![&host], vec![&offline]] {
        fixture.keys(&[], &identities);
        let refused = fixture.create(true).map(|_| ()).unwrap_err();
        let told = refused.to_string();
        assert!(matches!(refused.downcast_ref(), Some(BackupRefused::WouldBeClear { .. })), "{told}");
        assert!(told.contains(&offline.to_public().to_string()) && told.contains("--unencrypted"), "{told}");
    }
    fixture.keys(&[], &[]);
    let created = fixture.create_in_the_clear().unwrap();
    assert_eq!(done(&created), "the backup before is encrypted");
    fixture.restore(Point::Newest).unwrap();
}

#[test]
fn without_an_identity_nothing_is_gone_on_from_and_full_begins_anew() {
    let [offline, host, other_host] = identities();
    let mut fixture = backed_up(&offline, &host);
    fixture.keys(&[&offline], &[&other_host]);
    let refused = fixture.create(false).map(|_| ()).unwrap_err();
    let told = refused.to_string();
    assert!(matches!(refused.downcast_ref(), Some(BackupRefused::CannotGoOn { .. })), "{told}");
    assert!(told.contains(&offline.to_public().to_string()) && told.contains("--full"), "{told}");
    fixture.change(1);
    assert!(done(&fixture.create(true).unwrap()).contains("without the identity"));
    fixture.change(1);
    assert_eq!(done(&fixture.create(false).unwrap()), "increment");
    fixture.keys(&[], &[&offline]);
    assert!(fixture.damaged_chains().is_empty());
    assert_eq!(fixture.manifests().len(), 5);
}

/// Whoever can open a manifest can read the layers that it names, those of earlier runs too.
#[test]
fn another_host_takes_over_when_both_have_made_a_run() {
    let [offline, host, next] = identities();
    let mut fixture = backed_up(&offline, &host);
    fixture.keys(&[&offline], &[&host, &next]);
    fixture.change(1);
    fixture.create(false).unwrap();
    fixture.keys(&[&offline], &[&next]);
    fixture.change(1);
    assert_eq!(done(&fixture.create(false).unwrap()), "increment");
    let newest = fixture.manifests_but_damaged().pop().unwrap();
    assert_eq!(Entries::open(&fixture.objects, &newest).unwrap().count(), newest.graphs as usize);
    fixture.keys(&[], &[&offline]);
    assert_eq!(fixture.restore(Point::Newest).unwrap().content, *fixture.model.values().last().unwrap());
}
