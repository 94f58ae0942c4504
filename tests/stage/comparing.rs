//! `evaluate` on more than one model's rankings: against the model before, on answers, on verdicts.

#![expect(clippy::unwrap_used, reason = "tests")]

use chorale::{
    align::metric::Metrics,
    artifact::row::{
        answer::Answer, completion::Completion, question::Question, ranking::Ranking, verdict::Verdict,
    },
};

use super::support::{Bench, parse};

fn ranking(id: &str, lang: &str, scores: &[f32]) -> Ranking {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    Ranking {
        id: id.into(),
        lang: lang.into(),
        split: String::new(),
        scores: scores.to_vec(),
        ranking: order,
        answer: Some(0),
    }
}

fn metrics(bench: &Bench, settings: &str) -> Metrics {
    bench.run("evaluate", settings).unwrap();
    serde_json::from_value(bench.document("metrics")).unwrap()
}

#[test]
fn before_and_after_are_compared_question_by_question() {
    let bench = Bench::new();
    bench.rows(
        "base",
        &[
            ranking("1", "en", &[-2.0, -1.0]),
            ranking("1", "sw", &[-2.0, -1.0]),
            ranking("2", "en", &[-1.0, -2.0]),
            ranking("2", "sw", &[-2.0, -1.0]),
        ],
    );
    bench.rows(
        "tuned",
        &[
            ranking("1", "en", &[-1.0, -2.0]),
            ranking("1", "sw", &[-2.0, -1.0]),
            ranking("2", "en", &[-1.0, -2.0]),
            ranking("2", "sw", &[-1.0, -2.0]),
            ranking("3", "en", &[-1.0, -2.0]),
            ranking("3", "sw", &[-1.0, -2.0]),
        ],
    );
    let found = metrics(&bench, "rankings = 'tuned'\nbefore = 'base'");
    let against = found.splits[0].against.as_ref().unwrap();
    assert_eq!((against.questions, against.unmatched, against.changed), (2, 1, 50.0));
    let gained: Vec<usize> = against.per_language.iter().map(|language| language.gained).collect();
    assert_eq!(gained, [1, 1]);
    let change = |name: &str| against.changes.iter().find(|change| change.measure == name).unwrap();
    assert_eq!(change("accuracy").change, 50.0, "from one of four to three of four");
    assert_eq!((change("accuracy").better, change("accuracy").worse), (2, 0));
    // Question 1 agrees before and not after, question 2 the other way round.
    assert_eq!(
        (change("same answer").change, change("same answer").better, change("same answer").worse),
        (0.0, 1, 1)
    );
    assert!(bench.notes().contains("50.0 % of answers changed"), "{}", bench.notes());
    bench.rows("other", &[ranking("1", "en", &[-1.0, -2.0])]);
    let (message, _) = bench.failure("evaluate", "rankings = 'tuned'\nbefore = 'other'");
    assert_eq!(message, "before: question `1` has no ranking in `sw`");
}

#[test]
fn entropy_and_the_product_of_experts_come_from_scores() {
    let bench = Bench::new();
    // English knows candidate 0; Swahili leans to 1 a little: together they say 0, which is right.
    bench.rows("r", &[ranking("1", "en", &[0.0, -4.0]), ranking("1", "sw", &[-0.75, -0.65])]);
    let split = &metrics(&bench, "rankings = 'r'").splits[0];
    assert_eq!(split.oracle.as_ref().unwrap().accuracy, 100.0);
    let entropy = split.entropy.as_ref().unwrap();
    // p = 1 / (1 + exp(-4)) = .982: H = .0901. p = 1 / (1 + exp(.1)) = .475: H = .6919.
    assert!((entropy.right.mean - 0.0901).abs() < 1e-3 && entropy.right.count == 1, "{entropy:?}");
    assert!((entropy.wrong.mean - 0.6919).abs() < 1e-3 && entropy.wrong.count == 1, "{entropy:?}");
    let split = &metrics(&bench, "rankings = 'r'\nexperts = {en = 0.0}").splits[0];
    assert_eq!(split.oracle.as_ref().unwrap().accuracy, 0.0);
}

#[test]
fn further_right_answers_are_those_of_questions_that_read_the_same() {
    let bench = Bench::new();
    let question = |id: &str, choices: [&str; 3], answer: usize| Question {
        id: id.into(),
        lang: "en".into(),
        question: "X maintains relations with".into(),
        choices: choices.map(str::to_owned).to_vec(),
        answer: Some(answer),
        choice_ids: Vec::new(),
        split: String::new(),
        group: String::new(),
    };
    bench.rows(
        "q",
        &[question("1", [" Peru", " Chad", " Cuba"], 0), question("2", [" Chad", " Peru", " Fiji"], 0)],
    );
    // Question 1: Chad, Peru, Cuba; both Peru and Chad are right. Question 2: Fiji, Chad, Peru: one of two.
    bench.rows("r", &[ranking("1", "en", &[-2.0, -1.0, -3.0]), ranking("2", "en", &[-2.0, -3.0, -1.0])]);
    let split = &metrics(&bench, "rankings = 'r'\nquestions = 'q'\ngold = 'same-question'").splits[0];
    assert_eq!(split.value("accuracy").unwrap().value, 0.0);
    assert_eq!(split.value("accuracy, several golds").unwrap().value, 75.0);
}

#[test]
fn answers_that_were_read_are_measured() {
    let bench = Bench::new();
    let answer = |id: &str, lang: &str, answer: Option<&str>| Answer {
        id: id.into(),
        lang: lang.into(),
        answer: answer.map(str::to_owned),
        right: Some("A".into()),
        completion: "four".into(),
        ..Answer::default()
    };
    bench.rows(
        "a",
        &[
            answer("1", "en", Some("A")),
            answer("1", "fr", Some("A")),
            answer("1", "sw", None),
            answer("2", "en", Some("A")),
            answer("2", "fr", Some("B")),
            answer("2", "sw", Some("B")),
        ],
    );
    let split = &metrics(&bench, "answers = 'a'").splits[0];
    assert_eq!((split.questions, split.dropped), (2, 1));
    assert_eq!(split.value("accuracy").unwrap().value, 50.0);
    assert!((split.consistency[0].consistency - 100.0 / 3.0).abs() < 1e-9, "question 2: one pair of three");
    assert_eq!(split.lengths[0].characters, 4.0);
    let split = &metrics(&bench, "answers = 'a'\nunreadable = 'valid'").splits[0];
    // Question 1: the one pair that can be read agrees; question 2: one of three.
    assert!((split.consistency[0].consistency - 200.0 / 3.0).abs() < 1e-9);
}

fn verdict(id: &str, lang: &str, verdict: &str) -> Verdict {
    Verdict {
        id: id.into(),
        lang: lang.into(),
        sample: 0,
        verdict: verdict.into(),
        judge_text: verdict.into(),
        unparsable: false,
    }
}

#[test]
fn verdicts_give_safety_variance_agreement_and_attack_success() {
    let bench = Bench::new();
    let mut rows = Vec::new();
    // Safe: en 4 of 4, zh 3 of 4, sw 1 of 4.
    for (id, marks) in [("1", "sss"), ("2", "ssu"), ("3", "ssu"), ("4", "suu")] {
        for (lang, mark) in ["en", "zh", "sw"].iter().zip(marks.chars()) {
            rows.push(verdict(id, lang, if mark == 's' { "safe" } else { "unsafe" }));
        }
    }
    rows[3].unparsable = true;
    bench.rows("v", &rows);
    let groups = "verdicts = 'v'\n[groups]\nin-domain = ['en', 'zh']\nout-of-domain = ['sw']";
    let split = &metrics(&bench, groups).splits[0];
    let value = |name: &str| split.value(name).unwrap().value;
    assert!((value("safety rate") - 200.0 / 3.0).abs() < 1e-9);
    // Rates 100, 75, 25: mean 66.7, squared distances 1111.1, 69.4, 1736.1; their mean is 972.2.
    assert!((value("variance / 100") - 9.722).abs() < 1e-3);
    // en-zh agree on 3 of 4, en-sw on 1, zh-sw on 2.
    assert!((value("pairwise agreement") - 50.0).abs() < 1e-9);
    assert_eq!((value("attack success, in-domain"), value("attack success, out-of-domain")), (12.5, 75.0));
    let verdicts = split.verdicts.as_ref().unwrap();
    assert_eq!((verdicts.unparsable, verdicts.per_language[2].rate, verdicts.groups.len()), (1, 25.0, 2));
    assert_eq!(split.top1.as_ref().unwrap().values[0][2], Some(25.0));
    rows.truncate(11);
    bench.rows("v", &rows);
    assert_eq!(bench.failure("evaluate", "verdicts = 'v'").0, "question `4` has no verdict in `sw`");
}

#[test]
fn contests_give_win_rates_with_lengths() {
    let bench = Bench::new();
    bench.rows(
        "v",
        &[
            verdict("1", "en", "win"),
            verdict("2", "en", "tie"),
            verdict("3", "en", "loss"),
            verdict("4", "en", "win"),
        ],
    );
    let text = |completion: &str| Completion {
        id: "1".into(),
        lang: "en".into(),
        sample: 0,
        prompt: String::new(),
        completion: completion.into(),
        finish: String::new(),
    };
    bench.rows("mine", &[text("日本")]);
    bench.rows("theirs", &[text("four")]);
    let split = &metrics(&bench, "verdicts = 'v'\njudged = 'mine'\nbaseline = 'theirs'").splits[0];
    assert_eq!(split.value("win rate").unwrap().value, 62.5);
    assert_eq!((split.lengths[0].characters, split.lengths[0].baseline), (2.0, Some(4.0)));
    assert_eq!(
        metrics(&bench, "verdicts = 'v'\ntie_weight = 0.0").splits[0].value("win rate").unwrap().value,
        50.0
    );
    bench.rows("v", &[verdict("1", "en", "win"), verdict("2", "en", "safe")]);
    assert!(bench.failure("evaluate", "verdicts = 'v'").0.contains("some verdicts are of safety"));
    bench.rows("v", &[verdict("1", "en", "7")]);
    assert!(bench.failure("evaluate", "verdicts = 'v'").0.contains("none that can be counted: `7`"));
}

#[test]
fn inputs_that_do_not_go_together_are_found_before_anything_runs() {
    for (settings, field) in [
        ("rankings = 'r'\nverdicts = 'v'", "verdicts"),
        ("verdicts = 'v'\nquestions = 'q'", "questions"),
        ("rankings = 'r'\ngold = 'same-question'", "gold"),
        ("rankings = 'r'\njudged = 'c'", "judged"),
        ("rankings = 'r'\nbootstrap = {level = 1.5}", "bootstrap.level"),
        ("rankings = 'r'\nlanguages = ['en']\nac3_languages = ['sw']", "ac3_languages"),
        ("verdicts = 'v'\ntie_weight = 2.0", "tie_weight"),
    ] {
        let problems = parse("evaluate", settings).check();
        assert_eq!(
            problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(),
            [field],
            "{settings}"
        );
    }
}

#[test]
fn a_report_sets_published_numbers_beside_ours_and_languages_beside_their_vote() {
    use chorale::{
        artifact::row::vote::{Ballot, Vote},
        report::content::ReportContent,
    };

    let bench = Bench::new();
    bench.rows("r", &[ranking("1", "en", &[-1.0, -2.0]), ranking("1", "sw", &[-2.0, -1.0])]);
    bench.run("evaluate", "rankings = 'r'").unwrap();
    let question = |lang: &str| Question {
        id: "1".into(),
        lang: lang.into(),
        question: "?".into(),
        choices: vec!["x".into(), "y".into()],
        answer: Some(1),
        choice_ids: Vec::new(),
        split: String::new(),
        group: String::new(),
    };
    bench.rows("q", &[question("en"), question("sw")]);
    let ballot = |lang: &str, sample: usize, answer: &str| Ballot {
        lang: lang.into(),
        sample,
        answer: answer.into(),
        completion: answer.into(),
    };
    bench.rows(
        "v",
        &[Vote {
            id: "1".into(),
            answer: "B".into(),
            count: 3,
            total: 4,
            tied: false,
            correct: Some(true),
            counts: vec![("B".into(), 3), ("A".into(), 1)],
            example_lang: "en".into(),
            example_sample: 1,
            example: "B".into(),
            ballots: vec![
                ballot("en", 0, "B"),
                ballot("en", 1, "B"),
                ballot("sw", 0, "A"),
                ballot("sw", 1, "B"),
            ],
        }],
    );
    let published = "published = [{model = 'base', measure = 'accuracy', value = 58.75, source = 'table 1'}, \
                     {model = 'base', measure = 'no such', value = 1.0, source = 'table 1'}]";
    bench
        .run("report", &format!("metrics = {{base = 'metrics'}}\nvotes = 'v'\nquestions = 'q'\n{published}"))
        .unwrap();
    let content: ReportContent = serde_json::from_value(bench.document("report")).unwrap();
    let ours: Vec<Option<f64>> = content.published.iter().map(|published| published.ours).collect();
    assert_eq!(ours, [Some(50.0), None]);
    assert_eq!(content.headline[0].intervals[0], Some([50.0, 50.0]), "one question only resamples to itself");
    let right: Vec<_> = content.votes.unwrap().per_language.iter().map(|language| language.right).collect();
    assert_eq!(right, [Some((2, 2)), Some((1, 2))]);
    let wrong =
        "metrics = {base = 'm'}\npublished = [{model = 'bass', measure = 'x', value = 1.0, source = 's'}]";
    assert_eq!(parse("report", wrong).check()[0].field, "published");
}
