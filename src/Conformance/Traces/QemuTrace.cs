using System;
using System.Collections.Generic;
using System.IO;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Conformance.Judge;

namespace VirtioGuest.Conformance.Traces;

/// <summary>
/// The second source of events: what QEMU writes when it is started with <c>-trace memory_region_ops_read -trace
/// memory_region_ops_write -trace pci_cfg_read -trace pci_cfg_write -D FILE</c>. It has every register access of every
/// guest, and nothing of the rings.
/// </summary>
public sealed class QemuTrace
{
    private const string LegacyRegion = "virtio-pci";

    private readonly List<TracedDevice> _devices = [];

    private QemuTrace()
    {
    }

    /// <summary>Whether the trace ends in the middle of a line, as it does where QEMU was killed.</summary>
    public bool IsCut { get; private set; }

    /// <summary>How many accesses there were to the legacy interface of virtio devices, which nobody judges.</summary>
    public int LegacyAccesses { get; private set; }

    /// <summary>How many accesses there were, of virtio devices and others.</summary>
    public int Accesses { get; private set; }

    /// <summary>The virtio devices, each with a name for people.</summary>
    public IReadOnlyList<string> Devices
    {
        get
        {
            List<string> names = [];
            foreach (TracedDevice each in _devices)
            {
                names.Add(each.Name);
            }

            return names;
        }
    }

    /// <summary>Reads a trace.</summary>
    /// <exception cref="FormatException">
    /// A line that tells of an access makes no sense, or there is none; the message says where.
    /// </exception>
    public static QemuTrace Read(TextReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        QemuTrace trace = new QemuTrace();
        int number = 0;
        int? broken = null;
        for (string? line = reader.ReadLine(); line is not null; line = reader.ReadLine())
        {
            number++;
            if (broken is int before)
            {
                throw new FormatException($"line {before} of the trace is no complete access");
            }

            if (TraceLine.TryRead(line, out TraceLine access))
            {
                trace.Accesses++;
                trace.Add(access);
            }
            else if (TraceLine.IsAccess(line))
            {
                // Only the last line may be like that.
                broken = number;
            }
        }

        trace.IsCut = broken is not null;
        if (trace.Accesses == 0)
        {
            throw new FormatException($"none of {number} lines tells of an access: this is no trace of QEMU's");
        }

        return trace;
    }

    /// <summary>Judges the drivers of all devices.</summary>
    /// <param name="target">Whom verdicts name; the device is added to it.</param>
    /// <param name="onlyLast">
    /// Whether only the last driver that made a device live is judged, and not the firmware that used it before.
    /// </param>
    /// <param name="form">What is said behind the device's name, to tell one run from another.</param>
    public IReadOnlyList<Verdict> Judge(string target, bool onlyLast, string form = "")
    {
        List<Verdict> verdicts = [];
        foreach (TracedDevice each in _devices)
        {
            verdicts.AddRange(each.Judge($"{target}/{each.Name} {form}".TrimEnd(), onlyLast));
        }

        return verdicts;
    }

    private void Add(TraceLine access)
    {
        if (access.Function.Length != 0)
        {
            if (access.Name.StartsWith("virtio-", StringComparison.Ordinal)
                || access.Name.StartsWith(TracedDevice.ServedPrefix, StringComparison.Ordinal))
            {
                OfFunction(access).AddPci(access);
            }
        }
        else if (access.Name == LegacyRegion)
        {
            LegacyAccesses++;
        }
        else if (access.Name == TracedDevice.MmioRegion)
        {
            OfMmio(access.Address & ~(TracedDevice.MmioLength - 1)).AddMmio(access);
        }
        else if (TracedDevice.TrySplit(access.Name, out _, out string kind))
        {
            OfAddress(access.Address, kind).AddRegister(access);
        }
    }

    private TracedDevice OfFunction(TraceLine access)
    {
        TracedDevice? found = _devices.Find(each => each.Function == access.Function);
        if (found is null)
        {
            found = new TracedDevice(TracedDevice.KindOfModel(access.Name), access.Function, null);
            _devices.Add(found);
        }

        return found;
    }

    private TracedDevice OfMmio(ulong start)
    {
        TracedDevice? found = _devices.Find(each => each.Start == start);
        if (found is null)
        {
            found = new TracedDevice("virtio-mmio", string.Empty, start);
            _devices.Add(found);
        }

        return found;
    }

    /// <summary>
    /// The device that the address belongs to, the one that begins last before it; where nobody saw it placed, the one
    /// of that kind.
    /// </summary>
    private TracedDevice OfAddress(ulong address, string kind)
    {
        TracedDevice? found = null;
        foreach (TracedDevice each in _devices)
        {
            if (each.Kind == kind && each.BaseOf(address) is ulong start && !(start <= found?.BaseOf(address)))
            {
                found = each;
            }
        }

        found ??= _devices.Find(each => each.Kind == kind);
        if (found is null)
        {
            found = new TracedDevice(kind, string.Empty, null);
            _devices.Add(found);
        }

        return found;
    }
}
