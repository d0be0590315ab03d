using System;
using System.Collections.Generic;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.DeviceConformance;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Minimal;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Conform.Own;

/// <summary>The device models under the judge of devices, in this process.</summary>
internal static class OwnDevices
{
    private const ulong MmioAddress = 0xFEB0_0E00;
    private const byte Line = 12;
    private const int Sectors = 64;
    private static readonly byte[] s_mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    /// <summary>Judges this project's devices.</summary>
    public static IReadOnlyList<Verdict> JudgeModels(string target) =>
    [
        .. Run($"{target}/disk pci", NewDisk, OnPci),
        .. Run($"{target}/disk mmio", NewDisk, OnMmio),
        .. Run($"{target}/card pci", NewCard, OnPci),
        .. Run($"{target}/card mmio", NewCard, OnMmio),
        .. Run($"{target}/entropy pci", NewEntropy, OnPci),
    ];

    /// <summary>
    /// Judges the devices of kvm-host, as far as the models have them: as they are, and with the notifications that its
    /// network card can miss.
    /// </summary>
    /// <remarks>
    /// Each test has a device of its own, because a reset does not stop these, and what one test found would be found
    /// by all others. They take drivers without packed rings and do not serve them, which one test tells as well as
    /// all.
    /// </remarks>
    public static IReadOnlyList<Verdict> JudgeMinimal(string target) =>
    [
        .. RunFresh($"{target}/disk", NewDisk, (machine, model) => OnMinimal(
            machine, new MinimalFunction((BlockDevice)model, Pulsed(machine), Line))),
        .. RunFresh($"{target}/card", NewPlainCard, (machine, model) => OnMinimal(
            machine, new MinimalFunction((NetDevice)model, Pulsed(machine), Line))),
        .. RunFresh($"{target}/card that misses notifications", NewPlainCard, (machine, model) => OnMinimal(
            machine, new MinimalFunction((NetDevice)model, Pulsed(machine), Line)
            {
                MissedNotification = 7,
            })),
    ];

    private static IEnumerable<Verdict> RunFresh(
        string target,
        Func<SimulatedMachine, VirtioDeviceModel> create,
        Func<SimulatedMachine, VirtioDeviceModel, (VirtioTransport Transport, PciFunction? Function)> open)
    {
        const string OneOfSplit = "ring.one";
        for (int index = 0; ; index++)
        {
            using SimulatedMachine machine = new(new SimulatedDma(new SimulatedDmaOptions()));
            VirtioDeviceModel model = create(machine);
            model.RunsWhenNotified = true;
            (VirtioTransport transport, PciFunction? function) = open(machine, model);
            DeviceJudge judge = new(transport, function);
            List<DeviceRun> plan = judge.Plan([]);
            if (index == plan.Count)
            {
                yield break;
            }

            DeviceRun run = plan[index];
            if (!run.FormName.StartsWith("split", StringComparison.Ordinal) || run.Test.Id == OneOfSplit)
            {
                yield return VerdictOf(target, judge.Run(run, DevicePermission.All));
            }
        }
    }

    private static IEnumerable<Verdict> Run(
        string target,
        Func<SimulatedMachine, VirtioDeviceModel> create,
        Func<SimulatedMachine, VirtioDeviceModel, (VirtioTransport Transport, PciFunction? Function)> open)
    {
        using SimulatedMachine machine = new(new SimulatedDma(new SimulatedDmaOptions()));
        VirtioDeviceModel model = create(machine);
        model.RunsWhenNotified = true;
        (VirtioTransport transport, PciFunction? function) = open(machine, model);
        DeviceJudge judge = new(transport, function);
        foreach (DeviceRun run in judge.Plan([]))
        {
            yield return VerdictOf(target, judge.Run(run, DevicePermission.All));
        }
    }

    private static Verdict VerdictOf(string target, DeviceResult result)
    {
        string place = result.Form.Length == 0 ? target : $"{target}, {result.Form}";
        string level = result.Test.Level switch
        {
            RequirementLevel.Must => "MUST",
            RequirementLevel.Should => "SHOULD",
            _ => "robustness",
        };
        Requirement test = DeviceRequirement.Of(result.Test.Id, level, result.Test.Clause, result.Test.Title);
        Evidence evidence = new(result.Evidence, result.Form, [], 1, []);
        return result.Verdict switch
        {
            DeviceVerdict.Pass => new Verdict(place, test, Outcome.Pass, 1),
            DeviceVerdict.Skip => new Verdict(place, test, Outcome.Skip, 0, Reason: result.Evidence),
            DeviceVerdict.Wedged => new Verdict(place, test, Outcome.Wedged, 1, evidence),
            _ => new Verdict(place, test, Outcome.Fail, 1, evidence),
        };
    }

    private static (VirtioTransport Transport, PciFunction? Function) OnPci(
        SimulatedMachine machine, VirtioDeviceModel model)
    {
        PciFunctionOptions options = new() { VectorCount = 8 };
        PciDeviceFunction device = new(model, machine.Messages.OutputTo(options.InterruptLine), options);
        PciFunction function = machine.Plug(device);
        return (Opened(PciTransport.TryCreate(machine, function, out Failure? failure), failure), function);
    }

    private static (VirtioTransport Transport, PciFunction? Function) OnMmio(
        SimulatedMachine machine, VirtioDeviceModel model)
    {
        MmioDevice device = new(model, machine.Messages.OutputTo(Line));
        machine.AddRegisters(MmioAddress, device.Registers);
        VirtioTransport? transport = MmioTransport.TryCreate(
            machine, MmioAddress, device.Registers.Length, Line, out Failure? failure);
        return (Opened(transport, failure), null);
    }

    private static (VirtioTransport Transport, PciFunction? Function) OnMinimal(
        SimulatedMachine machine, MinimalFunction device) =>
        (Opened(PciTransport.TryCreate(machine, machine.Plug(device), out Failure? failure), failure), null);

    private static InterruptOutput Pulsed(SimulatedMachine machine) =>
        machine.Messages.OutputTo(Line, isPulsed: true);

    private static VirtioTransport Opened(VirtioTransport? transport, Failure? failure) =>
        transport ?? throw new InvalidOperationException($"A model was not opened: {failure}");

    private static BlockDevice NewDisk(SimulatedMachine machine)
    {
        BlockDevice disk = new(machine.Memory.GuestMemory, Sectors);
        disk.OfferedFeatures |= BlockFeature.ConfigWce;
        disk.OfferRanges(BlockFeature.Discard, Sectors, 4);
        disk.OfferRanges(BlockFeature.WriteZeroes, Sectors, 4);
        return disk;
    }

    private static NetDevice NewCard(SimulatedMachine machine)
    {
        NetDevice card = new(
            machine.Memory.GuestMemory,
            s_mac,
            1500,
            NetDevice.FullConfigurationSize,
            queuePairs: 2,
            hasControlQueue: true)
        {
            Peer = new LoopbackPeer(),
        };
        card.OfferedFeatures |= NetFeature.Control | NetFeature.ManyQueues;
        return card;
    }

    private static NetDevice NewPlainCard(SimulatedMachine machine) =>
        new(machine.Memory.GuestMemory, s_mac) { Peer = new LoopbackPeer() };

    private static EntropyDevice NewEntropy(SimulatedMachine machine) => new(machine.Memory.GuestMemory, 7);
}
