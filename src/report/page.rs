//! What a report page is about: the run as far as its events tell, before any of it becomes HTML.

/// How far a node came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeState {
    /// Never began.
    #[default]
    Waiting,
    /// Its results were there already.
    Cached,
    /// Ran and finished.
    Finished,
    /// Ran and failed.
    Failed,
    /// Something it needs failed.
    Blocked,
    /// Stopped by the user.
    Stopped,
}

impl NodeState {
    /// The word for people; also the class of its box.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Cached => "cached",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
        }
    }
}

/// One node of the plan, in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeView {
    /// Its name in the recipe.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Positions of the nodes it reads, all before its own.
    pub inputs: Vec<usize>,
    /// How far it came.
    pub state: NodeState,
    /// How long it worked, in this run or, when cached, in the one that computed it.
    pub seconds: Option<f64>,
    /// Why it ran.
    pub reason: Option<String>,
    /// What it told the user.
    pub notes: Vec<String>,
    /// What it wrote, in a few words each.
    pub wrote: Vec<String>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// A run, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunView {
    /// The run's name, which is also its folder's.
    pub run: String,
    /// The recipe's name.
    pub recipe: String,
    /// The recipe's file, as the user wrote it.
    pub recipe_path: String,
    /// The recipe's text.
    pub recipe_text: String,
    /// When it began (UTC).
    pub started: String,
    /// How it ended: `succeeded`, `failed` or `stopped`.
    pub status: String,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Versions, devices and settings, by name.
    pub facts: Vec<(String, String)>,
    /// Stage -> settings that the recipe leaves to their defaults, with their values.
    pub defaults: Vec<(String, Vec<(String, String)>)>,
    /// The plan, in an order in which inputs stand before their readers.
    pub nodes: Vec<NodeView>,
}
