using System;
using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Conformance.Judge;
using VirtioGuest.Devices;

namespace VirtioGuest.Conformance.Traces;

/// <summary>The accesses to one device of a trace.</summary>
internal sealed class TracedDevice
{
    public const string MmioRegion = "virtio-mmio";

    /// <summary>How the device models begin that another process serves: <c>vhost-user-blk</c>.</summary>
    public const string ServedPrefix = "vhost-user-";

    public const ulong MmioLength = 0x200;

    private const string RegionPrefix = "virtio-pci-";
    private const uint Page = 0x1000;
    private const uint NotifyStart = 0x3000;
    private const uint LargestRange = 0x40_0000;
    private const uint FirstBar = 0x10;
    private const int BarCount = 6;
    private const uint CapabilitiesPointer = 0x34;
    private const byte VendorSpecific = 0x09;
    private const byte MsixId = 0x11;
    private const byte NotifyKind = 2;
    private const byte WindowKind = 5;
    private const uint MmioStatus = 0x70;
    private const uint CommonStatus = 0x14;
    private const uint MmioDeviceId = 0x08;
    private const uint MmioVersion = 0x04;
    private const uint MmioVendorId = 0x0C;

    private readonly List<RegisterAccess> _accesses = [];
    private readonly Dictionary<uint, byte> _space = new Dictionary<uint, byte>();
    private readonly uint[] _bars = new uint[BarCount];
    private uint? _multiplier;

    public TracedDevice(string kind, string function, ulong? start)
    {
        Kind = kind;
        Function = function;
        Start = start;
    }

    /// <summary>What QEMU calls such a device: <c>virtio-blk</c>.</summary>
    public string Kind { get; }

    /// <summary>Its PCI address; empty for none.</summary>
    public string Function { get; }

    /// <summary>Where its registers over MMIO are; null for a PCI function.</summary>
    public ulong? Start { get; }

    public string Name => Start is ulong start ? $"{Kind} {start:x}"
        : Function.Length == 0 ? Kind
        : $"{Kind} {Function}";

    /// <summary>Takes <c>virtio-pci-common-virtio-blk</c> apart.</summary>
    public static bool TrySplit(string region, out RegisterRegion kind, out string device)
    {
        kind = RegisterRegion.Elsewhere;
        device = string.Empty;
        if (!region.StartsWith(RegionPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        string rest = region[RegionPrefix.Length..];
        int end = rest.IndexOf('-', StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        device = rest[(end + 1)..];
        kind = rest[..end] switch
        {
            "common" => RegisterRegion.Common,
            "isr" => RegisterRegion.Isr,
            "device" => RegisterRegion.Configuration,
            "notify" => RegisterRegion.Notify,
            _ => RegisterRegion.Elsewhere,
        };
        return kind != RegisterRegion.Elsewhere;
    }

    /// <summary>
    /// The kind of a device model: <c>virtio-blk-pci</c> and <c>vhost-user-blk-pci</c> are a <c>virtio-blk</c>, as the
    /// names of their registers say.
    /// </summary>
    public static string KindOfModel(string model)
    {
        const string Ending = "-pci";
        int end = model.IndexOf(Ending, StringComparison.Ordinal);
        return (end < 0 ? model : model[..end]).Replace(ServedPrefix, "virtio-", StringComparison.Ordinal);
    }

    /// <summary>Where the range begins that an address may lie in; null where there is none.</summary>
    public ulong? BaseOf(ulong address)
    {
        for (int i = 0; i < BarCount; i++)
        {
            uint low = _bars[i] & ~0xFu;
            if (low == 0 || (low & (Page - 1)) != 0)
            {
                continue;
            }

            ulong wide = i + 1 < BarCount ? low | ((ulong)_bars[i + 1] << 32) : low;
            foreach (ulong start in new[] { low, wide })
            {
                if (address >= start && address - start < LargestRange)
                {
                    return start;
                }
            }
        }

        return null;
    }

    public void AddRegister(TraceLine line)
    {
        TrySplit(line.Name, out RegisterRegion region, out _);
        ulong offset = line.Address & (Page - 1);
        if (region == RegisterRegion.Notify && BaseOf(line.Address) is ulong start)
        {
            offset = line.Address - start - NotifyStart;
        }

        Add(region, line, (uint)offset);
    }

    public void AddMmio(TraceLine line) =>
        Add(RegisterRegion.Mmio, line, (uint)(line.Address & (MmioLength - 1)));

    public void AddPci(TraceLine line)
    {
        uint offset = (uint)line.Address;
        uint value = (uint)line.Value;
        _accesses.Add(new RegisterAccess(RegisterRegion.Pci, line.IsWrite, offset, line.Width, value));
        if (line.IsWrite)
        {
            if (offset >= FirstBar && offset < FirstBar + (4 * BarCount) && offset % 4 == 0)
            {
                _bars[(offset - FirstBar) / 4] = value;
            }

            return;
        }

        // The trace does not say how wide the access was: as many bytes are known as the value has.
        int at = 0;
        do
        {
            _space[offset + (uint)at] = (byte)(value >> (8 * at));
            at++;
        }
        while (at < 4 && value >> (8 * at) != 0);
        if (FindCapability(VendorSpecific, NotifyKind) is uint notify && offset == notify + 16)
        {
            _multiplier = value;
        }
    }

    public IReadOnlyList<Verdict> Judge(string target, bool onlyLast)
    {
        DeviceFacts? facts = Describe();
        if (facts is null)
        {
            return [];
        }

        int first = onlyLast ? LastLife() : 0;
        DriverJudge judge = new DriverJudge(target, facts);
        bool isUsed = false;
        for (int i = 0; i < _accesses.Count; i++)
        {
            bool isPci = _accesses[i].Region == RegisterRegion.Pci;
            if (isPci || i >= first)
            {
                isUsed |= !isPci;
                judge.Observe(_accesses[i]);
            }
        }

        return isUsed ? judge.Conclude() : [];
    }

    private static int TypeOf(string kind) => kind switch
    {
        "virtio-net" => 1,
        "virtio-blk" => 2,
        "virtio-serial" => 3,
        "virtio-rng" => 4,
        "virtio-balloon" => 5,
        "virtio-scsi" => 8,
        _ => 0,
    };

    private void Add(RegisterRegion region, TraceLine line, uint offset)
    {
        // QEMU traces what its device model returned, which may be more than was asked for.
        ulong mask = line.Width >= 4 ? uint.MaxValue : (1UL << (8 * line.Width)) - 1;
        _accesses.Add(new RegisterAccess(region, line.IsWrite, offset, line.Width, (uint)(line.Value & mask)));
    }

    private DeviceFacts? Describe()
    {
        if (Start is not null)
        {
            RegisterAccess? id = FindRead(MmioDeviceId);
            RegisterAccess? version = FindRead(MmioVersion);
            bool isThere = id is { Value: not 0 } && version is { Value: 2 };
            return isThere ? new DeviceFacts { DeviceType = (int)id!.Value, IsMmio = true } : null;
        }

        uint? msix = FindCapability(MsixId, null);
        int? vectors = msix is uint at && _space.TryGetValue(at + 3, out byte high)
            && _space.TryGetValue(at + 2, out byte low)
            ? ((low | (high << 8)) & 0x7FF) + 1
            : null;
        List<(uint Offset, uint Length)> capabilities = [];
        foreach ((uint offset, byte id, byte? kind) in Capabilities())
        {
            if (id == VendorSpecific && kind is not (null or WindowKind)
                && _space.TryGetValue(offset + 2, out byte length))
            {
                capabilities.Add((offset, length));
            }
        }

        return new DeviceFacts
        {
            DeviceType = TypeOf(Kind),
            SeesPci = Function.Length != 0,
            NotifyMultiplier = _multiplier,
            Msix = msix ?? 0,
            Vectors = vectors,
            Capabilities = capabilities,
        };
    }

    private RegisterAccess? FindRead(uint offset) =>
        _accesses.Find(each => each.Region == RegisterRegion.Mmio && !each.IsWrite && each.Offset == offset);

    private uint? FindCapability(byte id, byte? kind)
    {
        foreach ((uint offset, byte found, byte? foundKind) in Capabilities())
        {
            if (found == id && (kind is null || kind == foundKind))
            {
                return offset;
            }
        }

        return null;
    }

    /// <summary>The list of capabilities, as far as somebody read it.</summary>
    private List<(uint Offset, byte Id, byte? Kind)> Capabilities()
    {
        List<(uint Offset, byte Id, byte? Kind)> found = [];
        uint next = CapabilitiesPointer;
        while (found.Count < 48 && _space.TryGetValue(next, out byte at) && at >= 0x40)
        {
            if (_space.TryGetValue(at, out byte id))
            {
                found.Add((at, id, _space.TryGetValue(at + 3u, out byte kind) ? kind : null));
            }

            next = at + 1u;
        }

        return found;
    }

    /// <summary>
    /// Where the driver begins that made the device live last: with its reset, and over MMIO with the look at what is
    /// there before that. What comes before is firmware.
    /// </summary>
    private int LastLife()
    {
        int reset = 0;
        int last = 0;
        for (int i = 0; i < _accesses.Count; i++)
        {
            RegisterAccess each = _accesses[i];
            bool isStatus = each.IsWrite && (each.Region, each.Offset) is
                (RegisterRegion.Common, CommonStatus) or (RegisterRegion.Mmio, MmioStatus);
            if (isStatus && each.Value == 0)
            {
                reset = i;
                while (reset > 0 && IsIdentification(_accesses[reset - 1]))
                {
                    reset--;
                }
            }
            else if (isStatus && (each.Value & StatusBit.DriverOk) != 0)
            {
                last = reset;
            }
        }

        return last;
    }

    private static bool IsIdentification(RegisterAccess access) =>
        access.Region == RegisterRegion.Mmio && !access.IsWrite && access.Offset <= MmioVendorId;
}
