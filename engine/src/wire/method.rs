//! The operations by name (wire.md section 17), in the order in which errors list them.

use std::fmt;

use serde::de::Error;

use super::error::DecodeError;

macro_rules! methods {
    ($($name:ident),* $(,)?) => {
        /// Every method of the protocol, served or not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "wire.md section 6 describes the operations")]
        pub enum Method {
            $($name,)*
        }

        impl Method {
            /// All methods, in the order in which errors list them.
            pub const ALL: &[Method] = &[$(Method::$name),*];
        }

        /// The names of all methods, in the order of the variants.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn lookup(name: &str) -> Option<Method> {
            match name {
                $(stringify!($name) => Some(Method::$name),)*
                _ => None,
            }
        }
    };
}

methods! {
    AddNode, RemoveNode, HasNode, GetNodes, GetNodesByLabel, GetNodeProperties, GetNodePropertiesBatch,
    HasNodesBatch, NodeCount, NodeIds, AddEdge, RemoveEdge, HasEdge, GetEdges, GetTriples, ClearGraph,
    GetEdgeProperties, GetEdgePropertiesBatch, EdgeCount, InDegree, OutDegree, GetPredecessors, GetSuccessors,
    GetNeighbors, TopologicalSort, FindCycle, GetShortestPath, GetBlastRadius, DegreeCentrality,
    DegreeCentralityAll, BetweennessCentrality, PageRank, PersonalizedPageRank, ConnectedComponents,
    StronglyConnectedComponents, MinimumSpanningTree, CommunityDetection, CommunityDetectEphemeral,
    GraphColoring, ComputeSimilarityEdges, PruneByLifecycle, GetContextView, BatchUpdate, Metrics, EvictLRU,
    DecaySweep, TouchNodes, ToMsgpack, FromMsgpack, GetLedger, ClearLedger, ApplyLedger, GetSubgraph, Fork,
    DiffAgainst, CompactNodesByType, RunDatalogReasoning, CreateGraph, DeleteGraph, ListGraphs, CreateChannel,
    JoinChannel, LeaveChannel, CloseChannel, SendMessage, GetChannelMessages, ListChannels, GetChannelMembers,
    Ping, Health, Shutdown, Checkpoint, Reconcile, ApplyMutation, ParseRepository, Vf2SubgraphMatch,
    ParseFile, ParseFiles, IndexRepository, AddEmbedding, SemanticSearch, SpectralCluster,
    HypergraphEncodeInteraction, BatchCosineSimilarity, FindSimilarPairs, FinanceOptimizePortfolio,
    FinanceRiskParity, FinanceBlackLitterman, FinanceEfficientFrontier, DsLinearRegression, DsKMeans, DsPca,
    DsComputeStats, DsTrainTestSplit, DsSoftmax, DsLogSoftmax, DsCrossEntropy, DsDpoLoss, DsGrpoSurrogate,
    DsKlDivergence, DsAdamStep, DsSgdStep, FinanceVar, FinanceCvar, FinanceMaxDrawdown, FinanceDrawdownSeries,
    FinanceDownsideDeviation, FinanceRiskMetrics, FinanceMonteCarloVar, FinanceStressTest,
    FinanceDetectRegimes, FinanceRollingZscore, FinanceEwma, FinanceSignalDecay, FinanceCombineAlphas,
    FinanceCrossSectionalRank, FinanceMomentum, FinanceMeanReversion, FinanceInformationCoefficient,
    FinanceTwap, FinanceVwap, FinanceMarketImpact, FinancePairsTrading, FinanceAvellanedaStoikov,
    FinanceGltQuotes, FinanceLogitQuotes, FinanceGlostenMilgromSpread, FinanceExpectedPnlRate,
    FinanceBreakevenAlpha, FinanceOfiSeries, FinanceMicropriceSeries, FinanceVpinPm, FinanceHawkesMle,
    FinanceHardimanBouchaud, FinanceKyleLambda, FinanceSurveillanceRisk, FinanceKellyFraction,
    FinanceBayesianKelly, FinancePosteriorCredibleInterval, FinancePurgedCpcv, FinanceDeflatedSharpe,
    FinanceProbabilityBacktestOverfit, FinanceDieboldMariano, FinanceKalmanFilter1d, FinanceKalmanBeta,
    FinanceKalmanVolatility, FinanceAdfTest, FinanceOuCalibrate, FinanceOuOptimalThresholds,
    FinanceMarkovTransitionMatrix, FinanceOrderBookImbalance, FinanceQueueImbalance, FinanceRealizedVolTick,
    FinanceSpreadReversion, FinanceInformationRatio, FinanceEffectiveIndependentN,
    FinanceAlphaCombinationEngine, FinanceBrierScore, FinanceConvergenceGate, FinanceEmpiricalKelly,
    FinanceSabrImpliedVol, FinanceSabrSmile, FinanceSabrCalibrate, RegisterIdentity, ApplyMultisigMutation,
    // Of 2.0.0.
    UnionGetNodeProperties, UnionGetNodesByLabel, UnionGetNeighbors,
    // Of 2.23.0 and later.
    CompareAndSetNodeFields, ClaimNext, CreateNodeIfAbsent,
    // Of 0.34.0 and later.
    BeginTxn, TxnAddNode, TxnRemoveNode, TxnAddEdge, TxnRemoveEdge, TxnCas, TxnAddEmbedding, Commit, Rollback,
    // Ours, after the reference's.
    SnapshotOpen, SnapshotRead, SnapshotClose, RestoreOpen, RestoreWrite, RestoreCommit, RestoreAbort,
    GraphStats, ShardStatus, ListIdentities, GraphDigest, LedgerRead, MoveStatus, MoveArrive, MoveReplay, MoveFence,
    MoveRelease, MoveDepart, MoveAdmit, MoveDrop, MoveReturn, MoveForget, GraphHeads, ServiceExport, ServiceImport,
    MoveLook, MoveOutcomes, MoveRenew, MoveRefuse, GraphOwners, OwnerHold, OwnerGiveWay, Scrub, LedgerKeep,
    UnregisterIdentity, QuotaShow, QuotaSet,
}

impl Method {
    /// Number of methods.
    pub const COUNT: usize = NAMES.len();

    /// The method of that name; upper and lower case differ.
    ///
    /// # Errors
    /// There is none: the error lists all that there are.
    pub fn from_name(name: &str) -> Result<Self, DecodeError> {
        lookup(name).ok_or_else(|| DecodeError::unknown_variant(name, NAMES))
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
