using System;
using System.Buffers.Binary;
using System.Text;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>
/// One walk over a definition block (ACPI 6.5, 20.2). It goes into scopes and devices, takes constants down, and jumps
/// over everything that says how long it is. Where a term does not, the rest of its scope is passed over.
/// </summary>
/// <remarks>Every step moves on, within bounds that only shrink: any bytes come to an end.</remarks>
internal sealed class AmlWalk
{
    private const int MaximumDepth = 32;
    private const byte Extended = 0x5B;

    private readonly byte[] _block;
    private readonly AmlNamespace _names;
    private int _at;
    private int _cuts;

    /// <summary>Prepares a walk.</summary>
    /// <param name="block">The bytes.</param>
    /// <param name="names">Where to take things down.</param>
    public AmlWalk(byte[] block, AmlNamespace names)
    {
        _block = block;
        _names = names;
    }

    /// <summary>Walks.</summary>
    /// <param name="start">Where the terms begin.</param>
    /// <returns>How many scopes were cut short.</returns>
    public int Run(int start)
    {
        _at = start;
        WalkTerms(_block.Length, "", 0);
        return _cuts;
    }

    private void WalkTerms(int end, string scope, int depth)
    {
        while (_at < end)
        {
            if (depth > MaximumDepth || !TryTerm(end, scope, depth))
            {
                _cuts++;
                _at = end;
            }
        }
    }

    private bool TryTerm(int end, string scope, int depth)
    {
        byte code = _block[_at++];
        switch (code)
        {
            case 0x06: // Alias
                return TryName(end, scope, out _) && TryName(end, scope, out _);
            case 0x08: // Name
                return TryNamedValue(end, scope);
            case 0x10: // Scope
                return TryEnter(end, scope, depth, isDevice: false);
            case 0x14: // Method
                return TryMethod(end, scope);
            case 0x15: // External: a name, its type, its arguments
                return TryName(end, scope, out _) && TrySkip(2, end);
            case 0xA0 or 0xA1 or 0xA2: // If, Else, While
                return TryJump(end);
            case 0xA3: // Noop
                return true;
            case Extended when _at < end:
                return TryExtended(_block[_at++], end, scope, depth);
            default:
                return false;
        }
    }

    private bool TryExtended(byte code, int end, string scope, int depth)
    {
        switch (code)
        {
            case 0x01: // Mutex: a name, its level
                return TryName(end, scope, out _) && TrySkip(1, end);
            case 0x02: // Event
                return TryName(end, scope, out _);
            case 0x80:
                return TryRegion(end, scope);
            case 0x81:
                return TryFields(end, scope);
            case 0x82:
                return TryEnter(end, scope, depth, isDevice: true);
            case 0x83 or 0x84 or 0x85 or 0x86 or 0x87: // Processor, PowerRes, ThermalZone, IndexField, BankField
                return TryJump(end);
            default:
                return false;
        }
    }

    private bool TryEnter(int end, string scope, int depth, bool isDevice)
    {
        if (!TryLength(end, out int inner))
        {
            return false;
        }

        if (!TryName(inner, scope, out string path))
        {
            // Its own length still tells where it ends.
            _cuts++;
            _at = inner;
            return true;
        }

        if (isDevice)
        {
            _names.AddDevice(path);
        }

        WalkTerms(inner, path, depth + 1);
        return true;
    }

    private bool TryMethod(int end, string scope)
    {
        if (!TryLength(end, out int inner))
        {
            return false;
        }

        if (TryName(inner, scope, out string path))
        {
            _names.AddMethod(path);
        }

        _at = inner;
        return true;
    }

    private bool TryNamedValue(int end, string scope)
    {
        if (!TryName(end, scope, out string path) || !TryValue(end, out object? value))
        {
            return false;
        }

        if (value is not null)
        {
            _names.AddValue(path, value);
        }

        return true;
    }

    private bool TryRegion(int end, string scope)
    {
        if (!TryName(end, scope, out string path) || _at >= end)
        {
            return false;
        }

        byte space = _block[_at++];
        if (!TryValue(end, out object? start) || !TryValue(end, out object? length))
        {
            return false;
        }

        if (start is ulong address && length is ulong bytes)
        {
            _names.AddRegion(path, new AmlRegion(space, address, bytes));
        }

        return true;
    }

    // Field: the region's name, flags, then fields of a name and a length in bits, gaps, and changes of access.
    private bool TryFields(int end, string scope)
    {
        if (!TryLength(end, out int inner))
        {
            return false;
        }

        uint offset = 0;
        bool isSound = TryName(inner, scope, out string region) && TrySkip(1, inner);
        while (isSound && _at < inner)
        {
            byte lead = _block[_at];
            if (lead is 0x01 or 0x03)
            {
                // AccessField, ExtendedAccessField.
                isSound = TrySkip(lead == 0x01 ? 3 : 4, inner);
                continue;
            }

            string path = "";
            isSound = lead == 0x00 ? TrySkip(1, inner) : TryName(inner, scope, out path);
            if (isSound && TryNumber(inner, out uint bits) && bits <= uint.MaxValue - offset)
            {
                if (path.Length != 0)
                {
                    _names.AddField(path, new AmlField(region, offset, bits));
                }

                offset += bits;
                continue;
            }

            isSound = false;
        }

        _cuts += isSound ? 0 : 1;
        _at = inner;
        return true;
    }

    /// <summary>Reads a constant, or jumps over an object that says how long it is.</summary>
    /// <returns>False where there is something else.</returns>
    private bool TryValue(int end, out object? value)
    {
        value = null;
        if (_at >= end)
        {
            return false;
        }

        byte code = _block[_at];
        switch (code)
        {
            case 0x0D:
                return TryText(end, out value);
            case 0x11:
                return TryBuffer(end, out value);
            case 0x12 or 0x13: // Package, VarPackage
                _at++;
                return TryJump(end);
            case 0x00 or 0x01 or 0xFF or 0x0A or 0x0B or 0x0C or 0x0E:
                return TryInteger(end, out value);
            default:
                // The name of another object: nothing that is known here, but its end is.
                return TryName(end, "", out _);
        }
    }

    private bool TryInteger(int end, out object? value)
    {
        value = null;
        byte code = _block[_at++];
        int bytes = code switch
        {
            0x0A => 1,
            0x0B => 2,
            0x0C => 4,
            0x0E => 8,
            _ => 0,
        };
        if (bytes > end - _at)
        {
            return false;
        }

        ReadOnlySpan<byte> operand = _block.AsSpan(_at, bytes);
        _at += bytes;
        value = bytes switch
        {
            0 => code == 0xFF ? ulong.MaxValue : code,
            1 => operand[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(operand),
            4 => BinaryPrimitives.ReadUInt32LittleEndian(operand),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(operand),
        };
        return true;
    }

    private bool TryText(int end, out object? value)
    {
        int length = _block.AsSpan(_at + 1, end - _at - 1).IndexOf((byte)0);
        value = length < 0 ? null : Encoding.ASCII.GetString(_block, _at + 1, length);
        _at += length + 2;
        return length >= 0;
    }

    // The size is a term of its own, and may be larger than the bytes that follow: the rest is zeros.
    private bool TryBuffer(int end, out object? value)
    {
        value = null;
        _at++;
        if (!TryLength(end, out int inner))
        {
            return false;
        }

        if (TryValue(inner, out object? size) && size is ulong)
        {
            value = _block.AsSpan(_at, inner - _at).ToArray();
        }

        _at = inner;
        return true;
    }

    private bool TryJump(int end)
    {
        bool isSound = TryLength(end, out int inner);
        _at = isSound ? inner : _at;
        return isSound;
    }

    /// <summary>Reads a PkgLength (20.2.4), which counts itself.</summary>
    private bool TryLength(int end, out int inner)
    {
        int start = _at;
        inner = TryNumber(end, out uint length) && length >= _at - start && length <= end - start
            ? start + (int)length
            : -1;
        return inner >= 0;
    }

    /// <summary>A number in PkgLength's encoding: 6 bits, or 4 bits and up to three more bytes.</summary>
    private bool TryNumber(int end, out uint number)
    {
        number = 0;
        if (_at >= end)
        {
            return false;
        }

        byte lead = _block[_at++];
        int more = lead >> 6;
        if (more > end - _at)
        {
            return false;
        }

        number = more == 0 ? lead & 0x3Fu : lead & 0x0Fu;
        for (int index = 0; index < more; index++)
        {
            number |= (uint)_block[_at++] << (4 + (8 * index));
        }

        return true;
    }

    /// <summary>Reads a NameString (20.2.2) and makes an absolute path of it.</summary>
    private bool TryName(int end, string scope, out string path)
    {
        path = scope;
        if (_at < end && _block[_at] == '\\')
        {
            path = "";
            _at++;
        }

        while (_at < end && _block[_at] == '^')
        {
            path = path.Contains('.', StringComparison.Ordinal) ? path[..path.LastIndexOf('.')] : "";
            _at++;
        }

        if (_at >= end)
        {
            return false;
        }

        int segments = 1;
        switch (_block[_at])
        {
            case 0x00:
                segments = 0;
                _at++;
                break;
            case 0x2E:
                segments = 2;
                _at++;
                break;
            case 0x2F when end - _at >= 2:
                segments = _block[_at + 1];
                _at += 2;
                break;
        }

        for (int segment = 0; segment < segments; segment++)
        {
            if (end - _at < 4 || !IsSegment(_block.AsSpan(_at, 4)))
            {
                return false;
            }

            path = AmlNamespace.Join(path, Encoding.ASCII.GetString(_block, _at, 4));
            _at += 4;
        }

        return true;
    }

    private static bool IsSegment(ReadOnlySpan<byte> letters)
    {
        for (int index = 0; index < letters.Length; index++)
        {
            bool isLetter = letters[index] is (>= (byte)'A' and <= (byte)'Z') or (byte)'_';
            if (!isLetter && (index == 0 || letters[index] is < (byte)'0' or > (byte)'9'))
            {
                return false;
            }
        }

        return true;
    }

    private bool TrySkip(int count, int end)
    {
        bool isSound = count <= end - _at;
        _at = isSound ? _at + count : _at;
        return isSound;
    }
}
