//! The table of operations: how each is run, and what its caller must be allowed to do. A method without a row does not
//! compile.

use crate::wire::Method;

/// How a method is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Answered here and now.
    Inline,
    /// A point read of one graph.
    Read,
    /// A read of much of a graph, off the async threads unless the graph is small.
    Whole,
    /// A read of several graphs.
    Union,
    /// A computation over a graph, on the compute threads; ends when its client is gone.
    Compute,
    /// A mutation, through the commit thread.
    Write,
    /// Blocking work of the service.
    Service,
    /// Not in this server.
    Absent,
}

/// What a caller needs once identities are registered (`docs/reference-protocol.md` section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing, or what the operation itself checks ([`super::access`]).
    Open,
    /// To read the graph of the request.
    Read,
    /// To read the graph of the request and the second one in the parameters.
    ReadBoth,
    /// To write the graph of the request.
    Write,
    /// To write the graph named in the parameters.
    WriteNamed,
    /// To take part in the channel; the operation checks it ([`super::access::takes_part`]).
    Channel,
    /// To be a `System` identity.
    System,
    /// To be one where the rules hold for everything.
    SystemOfAll,
}

/// One operation.
pub(super) struct Row {
    pub(super) route: Route,
    pub(super) access: Access,
}

/// The names of all methods that this server has.
pub(crate) fn served() -> impl Iterator<Item = &'static str> {
    let served = Method::ALL.iter().filter(|&&method| row(method).route != Route::Absent);
    served.map(|method| method.name())
}

pub(super) const fn row(method: Method) -> Row {
    use Method as M;
    match method {
        M::Ping | M::Health => Row { route: Route::Inline, access: Access::Open },
        M::Shutdown => Row { route: Route::Inline, access: Access::System },
        M::HasNode
        | M::GetNodeProperties
        | M::GetNodePropertiesBatch
        | M::HasNodesBatch
        | M::NodeCount
        | M::HasEdge
        | M::GetEdgeProperties
        | M::GetEdgePropertiesBatch
        | M::EdgeCount
        | M::InDegree
        | M::OutDegree
        | M::GetPredecessors
        | M::GetSuccessors
        | M::GetNeighbors
        | M::DegreeCentrality
        | M::Metrics => Row { route: Route::Read, access: Access::Read },
        M::ApplyMutation | M::ApplyMultisigMutation => Row { route: Route::Read, access: Access::Write },
        M::GetNodes
        | M::GetNodesByLabel
        | M::NodeIds
        | M::GetEdges
        | M::GetTriples
        | M::ToMsgpack
        | M::GetLedger
        | M::GetSubgraph => Row { route: Route::Whole, access: Access::Read },
        M::TopologicalSort
        | M::FindCycle
        | M::GetShortestPath
        | M::GetBlastRadius
        | M::DegreeCentralityAll
        | M::BetweennessCentrality
        | M::PageRank
        | M::PersonalizedPageRank
        | M::ConnectedComponents
        | M::StronglyConnectedComponents
        | M::MinimumSpanningTree
        | M::CommunityDetection
        | M::CommunityDetectEphemeral
        | M::GraphColoring
        | M::ComputeSimilarityEdges
        | M::GetContextView
        | M::Fork
        | M::SemanticSearch => Row { route: Route::Compute, access: Access::Read },
        M::PruneByLifecycle
        | M::EvictLRU
        | M::DecaySweep
        | M::FromMsgpack
        | M::CompactNodesByType
        | M::RunDatalogReasoning
        | M::ClaimNext
        | M::Reconcile => Row { route: Route::Compute, access: Access::Write },
        M::DiffAgainst | M::Vf2SubgraphMatch => Row { route: Route::Compute, access: Access::ReadBoth },
        M::AddNode
        | M::CreateNodeIfAbsent
        | M::CompareAndSetNodeFields
        | M::RemoveNode
        | M::AddEdge
        | M::RemoveEdge
        | M::ClearGraph
        | M::BatchUpdate
        | M::TouchNodes
        | M::ClearLedger
        | M::LedgerKeep
        | M::ApplyLedger
        | M::AddEmbedding => Row { route: Route::Write, access: Access::Write },
        M::CreateGraph | M::Commit => Row { route: Route::Write, access: Access::Open },
        M::DeleteGraph => Row { route: Route::Write, access: Access::WriteNamed },
        M::ListGraphs
        | M::BeginTxn
        | M::TxnAddNode
        | M::TxnRemoveNode
        | M::TxnAddEdge
        | M::TxnRemoveEdge
        | M::TxnCas
        | M::TxnAddEmbedding
        | M::Rollback
        | M::RegisterIdentity
        | M::SnapshotRead
        | M::SnapshotClose
        | M::RestoreWrite
        | M::RestoreCommit
        | M::RestoreAbort
        | M::GraphStats
        | M::ShardStatus => Row { route: Route::Service, access: Access::Open },
        M::CreateChannel
        | M::JoinChannel
        | M::LeaveChannel
        | M::CloseChannel
        | M::SendMessage
        | M::GetChannelMessages
        | M::ListChannels
        | M::GetChannelMembers => Row { route: Route::Service, access: Access::Channel },
        M::SnapshotOpen => Row { route: Route::Service, access: Access::Read },
        M::UnionGetNodeProperties | M::UnionGetNodesByLabel | M::UnionGetNeighbors => {
            Row { route: Route::Union, access: Access::Read }
        }
        M::ListIdentities
        | M::UnregisterIdentity
        | M::GraphDigest
        | M::LedgerRead
        | M::MoveStatus
        | M::MoveArrive
        | M::MoveReplay
        | M::MoveFence
        | M::MoveRelease
        | M::MoveDepart
        | M::MoveAdmit
        | M::MoveDrop
        | M::MoveReturn
        | M::MoveForget
        | M::GraphHeads
        | M::ServiceExport
        | M::ServiceImport
        | M::MoveLook
        | M::MoveOutcomes
        | M::MoveRenew
        | M::MoveRefuse
        | M::GraphOwners
        | M::OwnerHold
        | M::OwnerGiveWay
        | M::QuotaShow
        | M::QuotaSet
        | M::Scrub => Row { route: Route::Service, access: Access::System },
        M::Checkpoint => Row { route: Route::Service, access: Access::SystemOfAll },
        M::RestoreOpen => Row { route: Route::Service, access: Access::WriteNamed },
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
        | M::FinanceSabrCalibrate => Row { route: Route::Absent, access: Access::Open },
    }
}
