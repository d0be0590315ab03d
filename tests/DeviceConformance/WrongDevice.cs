using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.DeviceConformance;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Simulation;

namespace VirtioGuest.DeviceConformance.Tests;

/// <summary>A device that is wrong in one way, and the test that is there to find it.</summary>
internal sealed class WrongDevice
{
    private const ushort Indirect = 4;
    private const byte Ok = 0;

    private static readonly WrongDevice[] s_all =
    [
        .. General(), .. OnPci(), .. WithRings(), .. Interrupting(), .. Disks(), .. Cards(), .. Sources(), .. Fragile(),
    ];

    private readonly Func<string, List<DeviceResult>> _judge;

    private WrongDevice(string foundBy, string what, string evidence, Func<string, List<DeviceResult>> judge)
    {
        FoundBy = foundBy;
        What = what;
        Evidence = evidence;
        _judge = judge;
    }

    /// <summary>All of them.</summary>
    public static IReadOnlyList<WrongDevice> All => s_all;

    /// <summary>The ID of the test that finds it.</summary>
    public string FoundBy { get; }

    /// <summary>What it does wrong.</summary>
    public string What { get; }

    /// <summary>What the verdict says, as a regular expression.</summary>
    public string Evidence { get; }

    /// <summary>Runs the test that has to find it.</summary>
    public List<DeviceResult> Judge() => _judge(FoundBy);

    /// <inheritdoc/>
    public override string ToString() => $"{FoundBy}: {What}";

    /// <summary>A disk that offers the usual features.</summary>
    public static ModelBench<BlockDevice> NewDisk(bool isMmio = false, int queues = 1)
    {
        var bench = new ModelBench<BlockDevice>(
            dma => new BlockDevice(dma.GuestMemory, 64, queues), isMmio, new SimulatedDmaOptions());

        // max_discard_sectors, max_discard_seg, discard_sector_alignment, and the same of writes of zeroes.
        foreach ((int offset, int value) in new[] { (36, 64), (40, 4), (44, 1), (48, 64), (52, 4) })
        {
            bench.Model.ConfigurationStore[offset] = (byte)value;
        }

        return Loosen(bench);
    }

    /// <summary>A card that offers the usual features, with somebody on its network.</summary>
    public static ModelBench<NetDevice> NewCard(bool isMmio = false)
    {
        var bench = new ModelBench<NetDevice>(
            dma => new NetDevice(
                dma.GuestMemory,
                [0x52, 0x54, 0, 0x12, 0x34, 0x56],
                1500,
                NetDevice.FullConfigurationSize,
                queuePairs: 2,
                hasControlQueue: true)
            {
                Peer = new LoopbackPeer(),
            },
            isMmio,
            new SimulatedDmaOptions());
        bench.Model.OfferedFeatures |= NetFeature.Mac | NetFeature.Mtu | NetFeature.Status | NetFeature.ControlQueue
            | NetFeature.ControlReceive | NetFeature.MultipleQueues | NetFeature.ControlMacAddress;
        return Loosen(bench);
    }

    /// <summary>A source of entropy that offers the usual features.</summary>
    public static ModelBench<EntropyDevice> NewEntropy(bool isMmio = false) =>
        Loosen(new ModelBench<EntropyDevice>(
            dma => new EntropyDevice(dma.GuestMemory), isMmio, new SimulatedDmaOptions()));

    /// <summary>Prepares to judge a device.</summary>
    public static DeviceJudge Open<TModel>(ModelBench<TModel> bench)
        where TModel : VirtioDeviceModel =>
        new(bench.OpenTransport(), bench.Found);

    private static ModelBench<TModel> Loosen<TModel>(ModelBench<TModel> bench)
        where TModel : VirtioDeviceModel
    {
        // Tests do what no driver may.
        bench.ExpectsViolations = true;
        bench.Machine.Time.RelaxStep = 1_000_000;
        bench.SetQueueSize(128);
        foreach (ModelQueue queue in bench.Model.Queues)
        {
            queue.IsStrict = false;
        }

        return bench;
    }

    private static WrongDevice Disk(
        string foundBy,
        string what,
        string evidence,
        Action<ModelBench<BlockDevice>>? prepare = null,
        Action<SpoiltFunction, BlockDevice>? spoil = null,
        int queues = 1) =>
        new(foundBy, what, evidence, id => Judge(NewDisk(queues: queues), id, prepare, spoil));

    private static WrongDevice Card(
        string foundBy,
        string what,
        string evidence,
        Action<ModelBench<NetDevice>>? prepare = null,
        Action<SpoiltFunction, NetDevice>? spoil = null) =>
        new(foundBy, what, evidence, id => Judge(NewCard(), id, prepare, spoil));

    private static WrongDevice Source(
        string foundBy,
        string what,
        string evidence,
        Action<ModelBench<EntropyDevice>>? prepare = null,
        Action<SpoiltFunction, EntropyDevice>? spoil = null) =>
        new(foundBy, what, evidence, id => Judge(NewEntropy(), id, prepare, spoil));

    private static Action<ModelBench<NetDevice>> Refuse(ulong features) => bench =>
    {
        bench.Model.OfferedFeatures |= features;
        bench.Model.Commands.Answer = CommandAnswer.Error;
    };

    private static List<DeviceResult> Judge<TModel>(
        ModelBench<TModel> bench,
        string id,
        Action<ModelBench<TModel>>? prepare,
        Action<SpoiltFunction, TModel>? spoil)
        where TModel : VirtioDeviceModel
    {
        using (bench)
        {
            prepare?.Invoke(bench);
            if (spoil is not null)
            {
                Func<PciDeviceFunction, IBusFunction> alter = bench.Alter;
                bench.Alter = function =>
                {
                    var spoilt = new SpoiltFunction(alter(function), bench.Model);
                    spoil(spoilt, bench.Model);
                    bench.Machine.Time.OnLook ??= () => spoilt.OnLook();
                    return spoilt;
                };
            }

            DeviceJudge judge = Open(bench);
            return judge.Plan([id]).FindAll(run => run.Test.Id == id).ConvertAll(
                run => judge.Run(run, DevicePermission.All));
        }
    }

    private static IEnumerable<WrongDevice> General() =>
    [
        Disk("status.reset", "does not clear DRIVER", "does not confirm a reset", spoil: (function, _) =>
            function.OnRead = (offset, _, value) => offset == SpoiltFunction.Status ? value | 2 : value),
        Disk("status.kept", "forgets DRIVER", "has status 0x1 after 0x3", spoil: (function, _) =>
            function.OnRead = (offset, _, value) => offset == SpoiltFunction.Status ? value & ~2u : value),
        Disk("status.not-live", "works from the moment that a queue is enabled", "uses a buffer before DRIVER_OK",
            spoil: (function, model) => function.OnLook = () =>
            {
                if (model.Status == 0xB && model.Queues[0].IsEnabled && !function.IsPacked)
                {
                    UseAnything(function, model.Queues[0].Areas, model.Queues[0].Size);
                }
            }),
        Disk("status.healthy", "asks for a reset after a while", "asks for a reset", spoil: (function, model) =>
            Count(function, 40, () => model.SetNeedsReset("for the test"))),
        Disk("features.version-1", "has no VERSION_1", "^offers 0x", bench =>
            bench.Model.OfferedFeatures &= ~FeatureBit.Version1),
        Disk("features.stable", "offers something else each time", "^offers .* when it is read again",
            spoil: (function, _) =>
            {
                uint turn = 0;
                function.OnRead = (offset, _, value) =>
                    offset == SpoiltFunction.DeviceFeature ? value ^ ((turn++ >> 2 & 1) << 9) : value;
            }),
        Card("features.requirements", "offers MQ without CTRL_VQ", "offers bit 22 without", bench =>
        {
            bench.Model.OfferedFeatures &= ~(NetFeature.Control | NetFeature.MultipleQueues);
            bench.Model.FalseFeatures = NetFeature.MultipleQueues;
        }),
        Disk("features.all", "does not take two features together", "does not take all", spoil: (function, _) =>
            RefuseFeatures(function, word0: (1u << 28) | (1u << 29))),
        Disk("features.each", "does not take EVENT_IDX", "does not take bit 29 alone", spoil: (function, _) =>
            RefuseFeatures(function, word0: 1u << 29)),
        Disk("features.refused", "takes whatever the driver writes", "keeps FEATURES_OK with bit",
            spoil: (function, _) => function.OnRead = (offset, _, value) =>
                offset == SpoiltFunction.Status && (function.LastWritten(SpoiltFunction.Status) & 8) != 0
                    ? value | 8
                    : value),
        Disk("features.forgotten", "negotiates once", "does not take its features", spoil: (function, _) =>
        {
            int times = 0;
            function.OnWrite = (offset, value) => (offset, value) != (SpoiltFunction.Status, 0xB) || ++times < 6;
        }),
        Disk("config.early", "shows its capacity late", "tells another byte 0 before", spoil: (function, model) =>
            function.OnRead = (offset, _, value) =>
                offset == SpoiltFunction.Configuration && (model.Status & 8) == 0 ? 0 : value),
        Disk("config.generation", "counts its generation up all the time", "changes its generation",
            spoil: (function, _) =>
            {
                uint generation = 0;
                function.OnRead = (offset, _, value) => offset == 0x15 ? ++generation & 0xFF : value;
            }),
        Disk("config.generation", "changes under its reader", "within one generation", bench =>
            bench.Model.BeforeConfigurationRead = () => bench.Model.ConfigurationStore[0]++),
        Disk("config.widths", "has only doublewords", "reads differently", spoil: (function, _) =>
            function.OnRead = (offset, width, value) =>
                offset >= SpoiltFunction.Configuration && offset < SpoiltFunction.Notify && width == 1 ? 0 : value),
        Disk("config.read-only", "lets its capacity be written", "change its capacity", spoil: (function, model) =>
            function.OnWrite = (offset, value) =>
            {
                if (offset == SpoiltFunction.Configuration)
                {
                    model.ConfigurationStore[0] = (byte)value;
                    return false;
                }

                return true;
            }),
        Disk("config.quiet", "tells of changes that there are not", "configuration changes", spoil: (function, model) =>
            function.AfterNotified = _ => model.ChangeConfiguration(() => { })),
        Disk("reset.again", "works three times", "does not answer", spoil: (function, model) =>
        {
            int resets = 0;
            function.OnWrite = (offset, value) =>
            {
                resets += (offset, value) == (SpoiltFunction.Status, 0u) ? 1 : 0;
                model.RunsWhenNotified = resets < 12;
                return true;
            };
        }),
        Disk("reset.queues", "goes on with its queues", "after it was reset", spoil: (function, _) =>
        {
            // A worker that nobody told of the reset looks once more at the ring that it knows.
            QueueAreas known = default;
            ushort size = 0;
            function.BeforeNotified = each =>
            {
                if (each.IsEnabled)
                {
                    (known, size) = (each.Areas, each.Size);
                    return true;
                }

                if (known.Device != 0)
                {
                    UseAnything(function, known, size);
                }

                return false;
            };
        }),
    ];

    private static IEnumerable<WrongDevice> OnPci() =>
    [
        Disk("pci.identity", "has revision 0", "has the revision ID 0", bench =>
            bench.Options = new PciFunctionOptions { VectorCount = 8, RevisionId = 0 }),
        Disk("pci.capabilities", "has no ISR status", "has no capability of kind 3", bench =>
            bench.Options = new PciFunctionOptions { VectorCount = 8, HidesIsrStatus = true }),
        Disk("pci.notify", "notifies outside of its structure", "notifies queue 0 at", spoil: (function, _) =>
            function.OnRead = (offset, _, value) => offset == 0x1E ? 0x7FFF : value),
        Disk("pci.queue-count", "counts no queues", "counts 0 queues", spoil: (function, _) =>
            function.OnRead = (offset, _, value) => offset == 0x12 ? 0 : value),
        Disk("pci.no-queue", "has a size for queues that do not exist", "has 8 descriptors in queue 1",
            spoil: (function, _) => function.OnRead = (offset, _, value) =>
                offset == SpoiltFunction.QueueSize && function.LastWritten(SpoiltFunction.QueueSelect) != 0
                    ? 8
                    : value),
        Disk("pci.disabled", "shows queues as enabled for ever", "has a queue enabled after a reset|in use before",
            spoil: (function, _) =>
            {
                bool wasEnabled = false;
                function.OnWrite = (offset, _) =>
                {
                    wasEnabled |= offset == SpoiltFunction.QueueEnable;
                    return true;
                };
                function.OnRead = (offset, _, value) =>
                    offset == SpoiltFunction.QueueEnable && wasEnabled ? 1 : value;
            }),
        Disk("pci.disabled", "keeps the size of before", "has a queue of 4 after a reset", spoil: (function, _) =>
        {
            bool wasSet = false;
            function.OnWrite = (offset, _) =>
            {
                wasSet |= offset == SpoiltFunction.QueueSize;
                return true;
            };
            function.OnRead = (offset, _, value) => offset == SpoiltFunction.QueueSize && wasSet ? 4 : value;
        }),
        Disk("pci.power-of-two", "has 48 descriptors without packed rings", "has 48 descriptors", bench =>
        {
            bench.Model.OfferedFeatures &= ~FeatureBit.RingPacked;
            bench.Model.PresentsAnySize = true;
            bench.SetQueueSize(48);
        }),
        Disk("pci.no-vector", "has vector 0 after a reset", "has vector 0x0 after a reset", spoil: (function, _) =>
            function.OnRead = (offset, _, value) => offset == 0x10 && value == 0xFFFF ? 0 : value),
        Disk("pci.no-vector", "shows any vector", "shows vector 0x7fe", spoil: (function, _) =>
            function.OnRead = (offset, _, value) =>
                offset == 0x10 && function.LastWritten(0x10) == 0x7FE ? 0x7FEu : value),
        Disk("pci.isr", "does not clear its ISR status", "has the ISR status 1", spoil: (function, _) =>
            function.OnRead = (offset, _, value) => offset == SpoiltFunction.Isr ? 1 : value),
        Disk("pci.more-features", "repeats its feature words", "in feature word 4", spoil: (function, _) =>
            function.OnRead = (offset, _, value) =>
                offset == SpoiltFunction.DeviceFeature && function.LastWritten(SpoiltFunction.FeatureSelect) > 1
                    ? 0x30000000
                    : value),
    ];

    private static IEnumerable<WrongDevice> WithRings() =>
    [
        Disk("ring.one", "never answers", "does not answer", bench => bench.Model.RunsWhenNotified = false),
        Source("ring.one", "gives nothing", "gives back an empty buffer", bench => bench.Model.LargestAnswer = 0),
        Card("ring.one", "never sends", "does not answer", bench => bench.Model.RunsWhenNotified = false),
        Disk("ring.many", "has room for eight", "does not answer", bench =>
            bench.Model.Queues[0].Policy = new FirstFew(8)),
        Disk("ring.wrap", "goes round once", "does not answer", bench =>
            bench.Model.Queues[0].Policy = new FirstFew(8)),
        Disk("ring.id", "gives back one ID for all", "gives back buffer 1", spoil: (function, _) =>
            function.AfterNotified = queue => SetId(function, queue, 1)),
        Disk("ring.length", "says that it wrote nothing", "says that it wrote 0 bytes", bench =>
            bench.Model.Queues[0].ForcedLength = 0),
        Disk("ring.length", "says that it wrote more than there is room for", "says that it wrote 5000 bytes", bench =>
            bench.Model.Queues[0].ForcedLength = 5000),
        Disk("ring.order", "publishes before it wrote the ID", "published a used element with ID",
            spoil: (function, _) =>
            {
                // What the element held before is what a driver sees that is quick.
                function.AfterNotified = queue => SetId(function, queue, 5);
            }),
        Disk("ring.order", "publishes before it wrote the length", "published a used element with a length of 0",
            bench => bench.Model.Queues[0].ForcedLength = 0),
        Disk("ring.framing", "takes the first descriptor for the header", "ends the read of sector 0 with status 1",
            spoil: (function, model) => function.BeforeNotified = queue =>
            {
                model.Faults = function.IsPacked || function.LastChain(queue)[0].Length == 16
                    ? null
                    : new RequestLog { ForcedStatus = 1 };
                return true;
            }),
        Disk("ring.readable", "writes its status into the header", "writes into a buffer that is for reading",
            spoil: (function, model) => function.AfterNotified = queue =>
            {
                if (!function.IsPacked)
                {
                    function.Write(function.LastChain(queue)[0].Address, 0x77);
                }
            }),
        Disk("ring.descriptors", "counts the length of a descriptor down", "writes into the descriptor table",
            spoil: (function, model) => function.AfterNotified = queue =>
            {
                if (!function.IsPacked)
                {
                    int index = function.LastChain(queue)[0].Index;
                    function.Write(queue.Areas.Descriptor + (ulong)(index * 16) + 8, 0);
                }
            }),
        Source("ring.smallest", "cannot do with two", "does not answer", spoil: (function, _) =>
            function.BeforeNotified = queue => queue.Size > 2),
        Disk("ring.odd", "takes sizes for powers of two", "does not answer", spoil: (function, _) =>
            function.BeforeNotified = queue => (queue.Size & (queue.Size - 1)) == 0),
        Disk("ring.largest", "says more than it can", "does not answer", spoil: (function, _) =>
            function.BeforeNotified = queue => queue.Size <= 64),
        Disk("ring.indirect", "offers INDIRECT_DESC and cannot do it", "does not answer", spoil: (function, model) =>
            function.BeforeNotified = queue =>
                function.IsPacked || (function.LastChain(queue)[0].Flags & Indirect) == 0),
        Disk("ring.reset", "does not reset queues", "does not confirm the reset of a queue", bench =>
            bench.Model.IgnoresQueueReset = true),
        Disk("ring.in-order", "gives back the first of a batch in the place of the last", "out of order",
            bench => bench.Model.OfferedFeatures |= FeatureBit.InOrder,
            (function, _) => function.AfterNotified = queue => SetId(function, queue, (ushort)(queue.Size - 1))),
    ];

    private static IEnumerable<WrongDevice> Interrupting() =>
    [
        Disk("notify.interrupt", "never interrupts", "does not interrupt for a used buffer", spoil: Silence),
        Disk("notify.suppressed", "interrupts whatever the driver wants", "though it was told not to",
            spoil: (function, model) => function.AfterNotified = model.SendUsedNotification),
        Disk("notify.event", "never interrupts", "does not interrupt for the buffer that the driver named",
            spoil: Silence),
        Disk("notify.early", "interrupts for each buffer", "interrupts before the buffer that the driver named",
            spoil: (function, model) => function.AfterNotified = model.SendUsedNotification),
        Disk("notify.idle", "interrupts now and then", "with nothing to do", bench =>
        {
            ulong looks = 0;
            bench.Machine.Time.OnLook = () =>
            {
                if (++looks % 5 == 0 && bench.Model.IsRunning && bench.Model.Queues[0].IsEnabled)
                {
                    bench.Model.SendUsedNotification(bench.Model.Queues[0]);
                }
            };
        }),
    ];

    private static IEnumerable<WrongDevice> Disks() =>
    [
        Disk("blk.config", "has blocks of 1000 bytes", "has blocks of 1000 bytes", bench =>
            bench.Model.BlockSize = 1000),
        Disk("blk.config", "takes no segment", "has a seg_max of 0", bench => bench.Model.SegmentMaximum = 0),
        Disk("blk.config", "has no queue", "says that it has 0 queues", bench =>
            bench.Model.ConfigurationStore[34] = 0, queues: 2),
        Disk("blk.read", "cannot read its last sector", "with status 1, not 0", bench =>
            bench.Model.Faults = new FaultsAt(sector: 63)),
        Disk("blk.beyond", "reads what is not there", "ends a read of sector 64 of 64 with status 0",
            spoil: ForceStatus(Ok)),
        Disk("blk.unknown", "does what it does not know", "ends a request of type .* with status 0",
            spoil: ForceStatus(Ok)),
        Disk("blk.id", "fails to tell its ID", "ends a request for its ID with status 1", bench =>
            bench.Model.Faults = new FaultsAt(type: 8)),
        Disk("blk.flush", "cannot flush", "ends a request of type 4 with status 1", bench =>
            bench.Model.Faults = new FaultsAt(type: 4)),
        Disk("blk.segments", "takes fewer segments than it says", "ends a read in 126 segments with status 1",
            spoil: (function, model) => function.BeforeNotified = queue =>
            {
                model.Faults = function.IsPacked || function.LastChain(queue).Length < 20
                    ? null
                    : new RequestLog { ForcedStatus = 1 };
                return true;
            }),
        Disk("blk.write-protected", "writes all the same", "ends a request of type 1 with status 0",
            bench => bench.Model.OfferedFeatures |= BlockFeature.ReadOnly, ForceStatus(Ok)),
        Disk("blk.queues", "serves its first queue", "does not answer", spoil: (function, _) =>
            function.BeforeNotified = queue => queue.Index == 0, queues: 4),
        Disk("blk.writeback", "keeps its cache mode", "has the cache mode 1 after 0", bench =>
        {
            bench.Model.OfferedFeatures |= BlockFeature.ConfigWce;
            bench.Model.KeepsCacheMode = true;
        }),
        Disk("blk.discard-flags", "takes any flag", "with status 0, not 2",
            bench => bench.Model.OfferedFeatures |= BlockFeature.Discard, ForceStatus(Ok)),
        Disk("blk.zero-flags", "takes any flag", "with status 0, not 2",
            bench => bench.Model.OfferedFeatures |= BlockFeature.WriteZeroes, ForceStatus(Ok)),
        Disk("blk.write", "writes something else", "reads something else from sector", spoil: (function, model) =>
            function.AfterNotified = _ => model.Disk[5] ^= 1),
        Disk("blk.zero", "leaves what was there", "reads something else than zeroes",
            bench => bench.Model.OfferedFeatures |= BlockFeature.WriteZeroes,
            (function, model) => function.AfterNotified = _ => model.Disk[5] = 0xC3),
        Disk("blk.discard", "cannot discard", "ends a request of type 11 with flags 0x0 with status 1", bench =>
        {
            bench.Model.OfferedFeatures |= BlockFeature.Discard;
            bench.Model.Faults = new FaultsAt(type: 11);
        }),
    ];

    private static IEnumerable<WrongDevice> Cards() =>
    [
        Card("net.config", "has an MTU of 10", "has an MTU of 10", bench =>
            (bench.Model.ConfigurationStore[10], bench.Model.ConfigurationStore[11]) = (10, 0)),
        Card("net.config", "has a group's address", "has a group's address", bench =>
            bench.Model.ConfigurationStore[0] |= 1),
        Card("net.config", "has no queue pairs", "says that it has 0 queue pairs", bench =>
            bench.Model.ConfigurationStore[8] = 0),
        Card("net.frames", "sends no long frames", "does not answer", spoil: (function, model) =>
            function.BeforeNotified = queue => function.IsPacked || function.LastChain(queue)[^1].Length < 1000),
        Card("net.header", "counts two buffers", "lies in 2 buffers", bench => bench.Model.ForcedBufferCount = 2),
        Card("suspend.stops", "fails to suspend", "does not suspend", bench =>
        {
            bench.Model.OfferedFeatures |= FeatureBit.Suspend;
            bench.Model.FailsToSuspend = true;
        }),
        Card("net.commands", "refuses all commands", "with 1, not 0", bench =>
            bench.Model.Commands.Answer = CommandAnswer.Error),
        Card("net.commands", "answers no command", "does not answer", bench =>
            bench.Model.Commands.Answer = CommandAnswer.Never),
        Card("net.commands", "answers with what is no answer", "with 90, not 0", bench =>
            bench.Model.Commands.Answer = CommandAnswer.Rubbish),
        Card("net.unknown", "says yes to all commands", "answers command 0 of class 200", spoil: ForceStatus(Ok)),
        Card("net.modes", "refuses all commands", "of class 0 .* with 1, not 0", Refuse(
            NetFeature.ControlReceiveExtra)),
        Card("net.vlan", "refuses all commands", "of class 2 .* with 1, not 0", Refuse(NetFeature.ControlVlan)),
        Card("net.announce", "refuses all commands", "of class 3 .* with 1, not 0", bench =>
        {
            Refuse(NetFeature.GuestAnnounce)(bench);
            bench.Model.AsksForAnnouncement = true;
        }),
        Card("net.offloads", "refuses all commands", "of class 5 .* with 1, not 0", Refuse(
            NetFeature.ControlGuestOffloads | NetFeature.GuestChecksum)),
        Card("net.rss", "refuses all commands", "of class 4 .* with 1, not 0", Refuse(NetFeature.Rss)),
        Card("net.rss", "has a small table", "has a table of 64 entries", bench =>
        {
            bench.Model.OfferedFeatures |= NetFeature.Rss;
            bench.Model.ConfigurationStore[18] = 64;
        }),
        Card("net.hash", "refuses all commands", "of class 4 .* with 1, not 0", Refuse(NetFeature.HashReport)),
        Card("net.hash", "takes a short key", "takes a key of 39 bytes", bench =>
        {
            bench.Model.OfferedFeatures |= NetFeature.HashReport;
            bench.Model.ConfigurationStore[17] = 39;
        }),
        Card("net.coalescing", "refuses all commands", "of class 6 .* with 1, not 0", Refuse(NetFeature.Coalescing)),
        Card("net.coalescing-queue", "says yes to all commands", "of class 6 .* with 0, not 1", bench =>
            bench.Model.OfferedFeatures |= NetFeature.QueueCoalescing, ForceStatus(Ok)),
        Card("net.pairs", "says yes to all commands", "answers command 0 of class 4", spoil: ForceStatus(Ok)),
        Card("net.address", "keeps its address", "has the address 525400123456 after", spoil: (function, _) =>
            function.OnRead = (offset, width, value) =>
                offset is >= SpoiltFunction.Configuration and < SpoiltFunction.Configuration + 6 && width == 1
                    ? (uint)new byte[] { 0x52, 0x54, 0, 0x12, 0x34, 0x56 }[offset - SpoiltFunction.Configuration]
                    : value),
    ];

    private static IEnumerable<WrongDevice> Sources() =>
    [
        Source("rng.random", "gives the same bytes each time", "gives the same byte", spoil: (function, model) =>
            function.AfterNotified = queue => function.Write(function.LastChain(queue)[0].Address, new byte[512])),
        Source("rng.some", "gives nothing", "gives back an empty buffer", bench => bench.Model.LargestAnswer = 0),
        Source("rng.some", "says that it gave more than it could", "says that it wrote 9999 bytes", bench =>
            bench.Model.Queues[0].ForcedLength = 9999),
    ];

    /// <summary>Devices that a driver's mistake breaks for good.</summary>
    private static IEnumerable<WrongDevice> Fragile() =>
        DeviceJudge.Tests.ToArray()
            .Where(test => test.Id.StartsWith("robust.", StringComparison.Ordinal))
            .Select(test => Disk(
                test.Id,
                "is broken for good",
                "does not answer|writes to memory that it was not given",
                prepare: null,
                BreakForGood));

    private static void BreakForGood(SpoiltFunction function, BlockDevice _)
    {
        // The first request is an ordinary one, the second breaks a rule.
        int served = 0;
        function.BeforeNotified = _ => served < 2;
        function.AfterNotified = _ => served++;
    }

    private static Action<SpoiltFunction, VirtioDeviceModel> ForceStatus(byte status) => (function, model) =>
        function.AfterNotified = queue =>
        {
            (int _, ulong address, uint length, ushort flags) = function.LastChain(queue)[^1];
            if (!function.IsPacked && (flags & 2) != 0 && length == 1)
            {
                function.Write(address, status);
            }
        };

    private static void Silence(SpoiltFunction function, VirtioDeviceModel _)
    {
        // Vectors are shown as they were written, and not used.
        function.OnWrite = (offset, _) => offset != SpoiltFunction.QueueVector;
        function.OnRead = (offset, _, value) => offset == SpoiltFunction.QueueVector
            ? function.LastWritten(SpoiltFunction.QueueVector)
            : value;
    }

    private static void RefuseFeatures(SpoiltFunction function, uint word0)
    {
        uint accepted = 0;
        function.OnWrite = (offset, value) =>
        {
            accepted = offset == 0x0C && function.LastWritten(0x08) == 0 ? value : accepted;
            return (offset, value) != (SpoiltFunction.Status, 0xBu) || (accepted & word0) != word0;
        };
    }

    private static void Count(SpoiltFunction function, int notifications, Action then)
    {
        int count = 0;
        function.AfterNotified = _ =>
        {
            if (++count == notifications)
            {
                then();
            }
        };
    }

    /// <summary>Writes a used element for whatever a split ring's driver has there.</summary>
    private static void UseAnything(SpoiltFunction function, QueueAreas areas, ushort size)
    {
        ushort index = function.Read16(areas.Device + 2);
        function.Write(areas.Device + 4 + (ulong)(index % size * 8), 0, 0, 0, 0, 0, 0, 0, 0);
        index++;
        function.Write(areas.Device + 2, (byte)index, (byte)(index >> 8));
    }

    /// <summary>Changes the ID of the last used element of a split ring.</summary>
    private static void SetId(SpoiltFunction function, ModelQueue queue, ushort id)
    {
        if (!function.IsPacked)
        {
            function.Write(function.LastUsedElement(queue), (byte)id, (byte)(id >> 8), 0, 0);
        }
    }

    /// <summary>Gives back the first buffers, and keeps the others.</summary>
    private sealed class FirstFew(int count) : CompletionPolicy
    {
        private int _left = count;

        public override int Count(int finished, bool isIdle)
        {
            int now = Math.Min(finished, _left);
            _left -= now;
            return now;
        }

        public override int Pick(int finished) => 0;
    }

    /// <summary>Fails requests of a type, or for a sector.</summary>
    private sealed class FaultsAt(uint? type = null, ulong? sector = null) : BlockFaults
    {
        public override BlockStatus? Fault(uint requestType, ulong requestSector, ulong length) =>
            requestType == type || requestSector == sector ? BlockStatus.IoError : null;
    }
}
