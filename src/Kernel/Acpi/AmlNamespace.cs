using System;
using System.Collections.Generic;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>
/// What definition blocks define outright, by absolute path: devices, names with a constant, regions and their fields
/// (ACPI 6.5, 20.2.5). Nothing is executed.
/// </summary>
internal sealed class AmlNamespace
{
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AmlRegion> _regions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, AmlField> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _methods = new(StringComparer.Ordinal);
    private readonly List<string> _devices = [];

    private AmlNamespace()
    {
    }

    /// <summary>The paths of the devices, in the order in which they are defined.</summary>
    public IReadOnlyList<string> Devices => _devices;

    /// <summary>How many times something was met whose end cannot be known, so that the rest was passed over.</summary>
    public int Cuts { get; private set; }

    /// <summary>Walks definition blocks, the DSDT first.</summary>
    /// <param name="blocks">Whole tables. Any bytes will do: what makes no sense is passed over.</param>
    public static AmlNamespace Load(IReadOnlyList<byte[]> blocks)
    {
        var names = new AmlNamespace();
        foreach (byte[] block in blocks)
        {
            names.Cuts += new AmlWalk(block, names).Run(FirmwareTables.HeaderLength);
        }

        return names;
    }

    /// <summary>
    /// The device's hardware ID, in the form <c>PNP0C0C</c> or <c>LNRO0005</c>; empty without a constant one.
    /// </summary>
    public string HardwareIdOf(string device) => Value(device, "_HID") switch
    {
        string text => text,
        ulong number => EisaId.Decode((uint)number),
        _ => "",
    };

    /// <summary>
    /// Whether the device is there (ACPI 6.5, 6.3.7): yes without <c>_STA</c>, and where a method would have to tell.
    /// </summary>
    public bool IsPresent(string device) => Value(device, "_STA") is not ulong status || (status & 1) != 0;

    /// <summary>The device's resources; null where they are not there, or no constant.</summary>
    public byte[]? ResourcesOf(string device) => Value(device, "_CRS") as byte[];

    /// <summary>The scopes that have a constant of a name, in the order in which they are defined.</summary>
    public IEnumerable<string> ScopesOf(string name)
    {
        foreach (string path in _values.Keys)
        {
            if (path.EndsWith("." + name, StringComparison.Ordinal))
            {
                yield return path[..^(name.Length + 1)];
            }
        }
    }

    /// <summary>Whether the device has a method of a name.</summary>
    public bool HasMethod(string device, string name) => _methods.Contains(Join(device, name));

    /// <summary>The region of a name in a scope, or null.</summary>
    public AmlRegion? Region(string scope, string name) => _regions.GetValueOrDefault(Join(scope, name));

    /// <summary>The field of a name in a scope, or null.</summary>
    public AmlField? Field(string scope, string name) => _fields.GetValueOrDefault(Join(scope, name));

    /// <summary>A constant: a <see cref="ulong"/>, a <see cref="string"/>, bytes; or null.</summary>
    public object? Value(string scope, string name) => _values.GetValueOrDefault(Join(scope, name));

    /// <summary>The path of a name in a scope.</summary>
    public static string Join(string scope, string name) => scope.Length == 0 ? name : scope + "." + name;

    /// <summary>Notes a device; one that is there already stays.</summary>
    internal void AddDevice(string path)
    {
        if (!_devices.Contains(path))
        {
            _devices.Add(path);
        }
    }

    /// <summary>Notes a name with a constant.</summary>
    internal void AddValue(string path, object value) => _values.TryAdd(path, value);

    /// <summary>Notes a region.</summary>
    internal void AddRegion(string path, AmlRegion region) => _regions.TryAdd(path, region);

    /// <summary>Notes a field.</summary>
    internal void AddField(string path, AmlField field) => _fields.TryAdd(path, field);

    /// <summary>Notes a method.</summary>
    internal void AddMethod(string path) => _methods.Add(path);
}

/// <summary>Registers of the hardware that AML works with (ACPI 6.5, 19.6.100).</summary>
/// <param name="Space">0 for memory, 1 for ports.</param>
/// <param name="Address">The first byte.</param>
/// <param name="Length">How many bytes.</param>
internal sealed record AmlRegion(byte Space, ulong Address, ulong Length)
{
    /// <summary>The space of memory.</summary>
    public const byte Memory = 0;

    /// <summary>The space of ports.</summary>
    public const byte Ports = 1;
}

/// <summary>Bits of a region.</summary>
/// <param name="Region">The region's path.</param>
/// <param name="Offset">The first bit.</param>
/// <param name="Length">How many bits.</param>
internal sealed record AmlField(string Region, uint Offset, uint Length);

/// <summary>Hardware IDs that are packed into 32 bits (ACPI 6.5, 19.3.4, EISAID).</summary>
internal static class EisaId
{
    private const string Digits = "0123456789ABCDEF";

    /// <summary>Unpacks one: three letters and four hexadecimal digits.</summary>
    public static string Decode(uint packed)
    {
        Span<char> text = stackalloc char[7];
        uint swapped = (packed << 24) | ((packed & 0xFF00) << 8) | ((packed >> 8) & 0xFF00) | (packed >> 24);
        for (int letter = 0; letter < 3; letter++)
        {
            text[letter] = (char)('@' + ((swapped >> (26 - (5 * letter))) & 0x1F));
        }

        for (int digit = 0; digit < 4; digit++)
        {
            text[3 + digit] = Digits[(int)((swapped >> (12 - (4 * digit))) & 0xF)];
        }

        return new string(text);
    }
}
