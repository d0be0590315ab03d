using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;

namespace VirtioGuest.Conform.Own;

/// <summary>
/// The drivers of this project over its device models, in every form of ring, over every transport, under the judge.
/// </summary>
internal static class OwnDriver
{
    private const ulong Packed = FeatureBit.RingPacked;
    private const ulong Events = FeatureBit.EventIndex;
    private const ulong Tables = FeatureBit.IndirectDescriptors;
    private const ulong InOrder = FeatureBit.InOrder;

    private const ulong Full = Events | Tables | FeatureBit.RingReset | FeatureBit.Suspend
        | FeatureBit.OrderPlatform | FeatureBit.AccessPlatform;

    private static readonly ulong[] s_forms =
    [
        0,
        Events,
        Tables,
        InOrder,
        Tables | InOrder,
        FeatureBit.NotificationData,
        Full,
    ];

    /// <summary>
    /// Where devices are that are odd in their interrupts: a line tells more in ISR status than messages do.
    /// </summary>
    private static readonly OwnTransport[] s_oddTransports =
        [OwnTransport.PciMessages, OwnTransport.PciLine, OwnTransport.Mmio];

    /// <summary>When a device asks for a reset: from the first register to well within the work.</summary>
    private static readonly int[] s_resetSteps = [1, 5, 13, 30, 70];

    /// <summary>Runs them all.</summary>
    /// <param name="target">Whom verdicts name.</param>
    /// <param name="hasPacked">Whether packed rings are offered as well.</param>
    public static IReadOnlyList<Verdict> Judge(string target, bool hasPacked)
    {
        List<Verdict> verdicts = [];
        foreach (OwnTransport transport in Enum.GetValues<OwnTransport>())
        {
            foreach (ulong form in Forms(hasPacked))
            {
                verdicts.AddRange(Run(transport, form));
            }
        }

        foreach (OddDevice odd in OddDevice.All)
        {
            OwnTransport[] messages = [OwnTransport.PciMessages];
            foreach (OwnTransport transport in odd.IsAboutInterrupts ? s_oddTransports : messages)
            {
                verdicts.AddRange(Run(transport, Full, odd));
                verdicts.AddRange(hasPacked ? Run(transport, Full | Packed, odd) : []);
            }
        }

        foreach (BadDevice bad in BadDevice.All.Concat(s_resetSteps.Select(BadDevice.NeedsResetAt)))
        {
            verdicts.AddRange(RunThrough(Full, bad));
            verdicts.AddRange(hasPacked ? RunThrough(Full | Packed, bad) : []);
        }

        return VerdictMerge.Merge(target, verdicts);
    }

    /// <summary>Runs the drivers of all types once.</summary>
    public static IReadOnlyList<Verdict> Run(OwnTransport transport, ulong form, OddDevice? odd = null)
    {
        List<Verdict> verdicts = [];
        foreach (OwnMachine each in Machines(transport, form, odd))
        {
            using OwnMachine machine = each;
            verdicts.AddRange(machine.Run());
        }

        return verdicts;
    }

    /// <summary>Runs the drivers of all types over a device that does what none may.</summary>
    public static IReadOnlyList<Verdict> RunThrough(ulong form, BadDevice bad)
    {
        List<Verdict> verdicts = [];
        foreach (OwnMachine each in Machines(OwnTransport.PciMessages, form, null))
        {
            using OwnMachine machine = each;
            verdicts.AddRange(machine.RunThrough(bad));
        }

        return verdicts;
    }

    private static IEnumerable<OwnMachine> Machines(OwnTransport transport, ulong form, OddDevice? odd) =>
    [
        new OwnDisk(transport, form, odd, isReadOnly: false),
        new OwnDisk(transport, form, odd, isReadOnly: true),
        new OwnEntropy(transport, form, odd),
        .. Enum.GetValues<OwnCardKind>().Select(kind => new OwnCard(transport, form, odd, kind)),
    ];

    private static IEnumerable<ulong> Forms(bool hasPacked)
    {
        IEnumerable<ulong> named = s_forms.Append(FeatureBit.NotificationConfigurationData)
            .Append(FeatureBit.NotificationConfigurationData | FeatureBit.NotificationData);
        return hasPacked ? named.Concat(named.Select(each => each | Packed)) : named;
    }
}

/// <summary>The ways to a device.</summary>
internal enum OwnTransport
{
    /// <summary>A PCI function with messages.</summary>
    PciMessages = 0,

    /// <summary>A PCI function with a line only.</summary>
    PciLine = 1,

    /// <summary>A PCI function whose memory nobody placed, so that all goes through the window.</summary>
    PciWindow = 2,

    /// <summary>Registers over MMIO.</summary>
    Mmio = 3,
}
