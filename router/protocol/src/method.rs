//! The operations by name (`docs/reference-protocol.md` section 17), in the order in which errors list them, and what clients have to know of
//! them. What answers each is in `engine/src/operations/table.rs`.

use std::fmt;

macro_rules! methods {
    ($($name:ident),* $(,)?) => {
        /// Every method of the protocol, served or not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "`docs/reference-protocol.md` section 6 describes the operations")]
        pub enum Method {
            $($name,)*
        }

        impl Method {
            /// All methods, in the order in which errors list them.
            pub const ALL: &[Method] = &[$(Method::$name),*];
        }

        /// The names of all methods, in the order of the variants.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn named(name: &str) -> Option<Method> {
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
    UnregisterIdentity, QuotaShow, QuotaSet, SessionList, SessionKill, ShardHandOver,
    GraphLook, NodeSearch, NodeLook, NeighborPage, EdgesAmong, PathEdges, BlastDepths, LedgerTail,
    GraphOwnerSet, LedgerTrim, Compact,
}

impl Method {
    /// Number of methods.
    pub const COUNT: usize = NAMES.len();
    /// The names of all methods, in the order of [`Method::ALL`].
    pub const NAMES: &[&str] = NAMES;

    /// The method of that name; upper and lower case differ.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        named(name)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// Whether our server has it. The others are of the reference: parsers of source code, and computations that have nothing to
    /// do with graphs.
    #[must_use]
    pub const fn is_served(self) -> bool {
        use Method as M;
        !matches!(
            self,
            M::ParseRepository
                | M::ParseFile
                | M::ParseFiles
                | M::IndexRepository
                | M::SpectralCluster
                | M::HypergraphEncodeInteraction
                | M::BatchCosineSimilarity
                | M::FindSimilarPairs
                | M::FinanceOptimizePortfolio
                | M::FinanceRiskParity
                | M::FinanceBlackLitterman
                | M::FinanceEfficientFrontier
                | M::DsLinearRegression
                | M::DsKMeans
                | M::DsPca
                | M::DsComputeStats
                | M::DsTrainTestSplit
                | M::DsSoftmax
                | M::DsLogSoftmax
                | M::DsCrossEntropy
                | M::DsDpoLoss
                | M::DsGrpoSurrogate
                | M::DsKlDivergence
                | M::DsAdamStep
                | M::DsSgdStep
                | M::FinanceVar
                | M::FinanceCvar
                | M::FinanceMaxDrawdown
                | M::FinanceDrawdownSeries
                | M::FinanceDownsideDeviation
                | M::FinanceRiskMetrics
                | M::FinanceMonteCarloVar
                | M::FinanceStressTest
                | M::FinanceDetectRegimes
                | M::FinanceRollingZscore
                | M::FinanceEwma
                | M::FinanceSignalDecay
                | M::FinanceCombineAlphas
                | M::FinanceCrossSectionalRank
                | M::FinanceMomentum
                | M::FinanceMeanReversion
                | M::FinanceInformationCoefficient
                | M::FinanceTwap
                | M::FinanceVwap
                | M::FinanceMarketImpact
                | M::FinancePairsTrading
                | M::FinanceAvellanedaStoikov
                | M::FinanceGltQuotes
                | M::FinanceLogitQuotes
                | M::FinanceGlostenMilgromSpread
                | M::FinanceExpectedPnlRate
                | M::FinanceBreakevenAlpha
                | M::FinanceOfiSeries
                | M::FinanceMicropriceSeries
                | M::FinanceVpinPm
                | M::FinanceHawkesMle
                | M::FinanceHardimanBouchaud
                | M::FinanceKyleLambda
                | M::FinanceSurveillanceRisk
                | M::FinanceKellyFraction
                | M::FinanceBayesianKelly
                | M::FinancePosteriorCredibleInterval
                | M::FinancePurgedCpcv
                | M::FinanceDeflatedSharpe
                | M::FinanceProbabilityBacktestOverfit
                | M::FinanceDieboldMariano
                | M::FinanceKalmanFilter1d
                | M::FinanceKalmanBeta
                | M::FinanceKalmanVolatility
                | M::FinanceAdfTest
                | M::FinanceOuCalibrate
                | M::FinanceOuOptimalThresholds
                | M::FinanceMarkovTransitionMatrix
                | M::FinanceOrderBookImbalance
                | M::FinanceQueueImbalance
                | M::FinanceRealizedVolTick
                | M::FinanceSpreadReversion
                | M::FinanceInformationRatio
                | M::FinanceEffectiveIndependentN
                | M::FinanceAlphaCombinationEngine
                | M::FinanceBrierScore
                | M::FinanceConvergenceGate
                | M::FinanceEmpiricalKelly
                | M::FinanceSabrImpliedVol
                | M::FinanceSabrSmile
                | M::FinanceSabrCalibrate
        )
    }

    /// Whether it works on a whole graph or a batch, so that clients give it the long deadline: the lists of the clients
    /// 0.31.0 and 2.0.0.
    #[must_use]
    pub const fn is_heavy(self) -> bool {
        use Method as M;
        matches!(
            self,
            M::BatchCosineSimilarity
                | M::BatchUpdate
                | M::BetweennessCentrality
                | M::Commit
                | M::CommunityDetectEphemeral
                | M::CommunityDetection
                | M::ComputeSimilarityEdges
                | M::FindSimilarPairs
                | M::FromMsgpack
                | M::GetEdges
                | M::GetNodes
                | M::GetSubgraph
                | M::GetTriples
                | M::IndexRepository
                | M::PageRank
                | M::ParseFile
                | M::ParseFiles
                | M::ParseRepository
                | M::PersonalizedPageRank
                | M::Reconcile
                | M::RunDatalogReasoning
                | M::SpectralCluster
                | M::ToMsgpack
                | M::Vf2SubgraphMatch
        )
    }

    /// Whether it changes nothing, so that a lost answer may be asked for again. What is not here counts as a write.
    #[must_use]
    pub const fn is_read(self) -> bool {
        use Method as M;
        matches!(
            self,
            M::BetweennessCentrality
                | M::BlastDepths
                | M::CommunityDetectEphemeral
                | M::CommunityDetection
                | M::ComputeSimilarityEdges
                | M::ConnectedComponents
                | M::DegreeCentrality
                | M::DegreeCentralityAll
                | M::DiffAgainst
                | M::EdgeCount
                | M::EdgesAmong
                | M::FindCycle
                | M::GetBlastRadius
                | M::GetChannelMembers
                | M::GetChannelMessages
                | M::GetContextView
                | M::GetEdgeProperties
                | M::GetEdgePropertiesBatch
                | M::GetEdges
                | M::GetLedger
                | M::GetNeighbors
                | M::GetNodeProperties
                | M::GetNodePropertiesBatch
                | M::GetNodes
                | M::GetNodesByLabel
                | M::GetPredecessors
                | M::GetShortestPath
                | M::GetSubgraph
                | M::GetSuccessors
                | M::GetTriples
                | M::GraphColoring
                | M::GraphLook
                | M::GraphStats
                | M::HasEdge
                | M::HasNode
                | M::HasNodesBatch
                | M::Health
                | M::InDegree
                | M::LedgerTail
                | M::ListChannels
                | M::ListGraphs
                | M::Metrics
                | M::MinimumSpanningTree
                | M::NeighborPage
                | M::NodeCount
                | M::NodeIds
                | M::NodeLook
                | M::NodeSearch
                | M::OutDegree
                | M::PageRank
                | M::PathEdges
                | M::PersonalizedPageRank
                | M::Ping
                | M::SemanticSearch
                | M::ShardStatus
                | M::StronglyConnectedComponents
                | M::ToMsgpack
                | M::TopologicalSort
                | M::UnionGetNeighbors
                | M::UnionGetNodeProperties
                | M::UnionGetNodesByLabel
        )
    }

    /// Whether it passes over graphs that its parameters name and the shard does not know.
    #[must_use]
    pub const fn is_union(self) -> bool {
        matches!(self, Self::UnionGetNeighbors | Self::UnionGetNodeProperties | Self::UnionGetNodesByLabel)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        for (method, name) in Method::ALL.iter().zip(Method::NAMES) {
            assert_eq!((Method::from_name(name), method.name()), (Some(*method), *name));
        }
        assert_eq!((Method::ALL.len(), Method::from_name("addnode")), (Method::COUNT, None));
    }

    #[test]
    fn what_clients_have_to_know() {
        use Method as M;
        assert!(M::ToMsgpack.is_heavy() && M::ToMsgpack.is_read() && !M::ToMsgpack.is_union());
        assert!(M::HasNode.is_read() && !M::HasNode.is_heavy());
        assert!(!M::AddNode.is_read() && !M::AddNode.is_heavy());
        assert!(M::UnionGetNeighbors.is_union() && M::UnionGetNeighbors.is_read());
        assert!(M::Ping.is_served() && !M::ParseFile.is_served() && !M::FinanceVar.is_served());
    }
}
