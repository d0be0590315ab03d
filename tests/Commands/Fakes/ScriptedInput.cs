using System;
using System.Text;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>Types a fixed text; reading past its end is a failure of the test.</summary>
internal sealed class ScriptedInput(string keys) : ByteInput
{
    private readonly byte[] _keys = Encoding.Latin1.GetBytes(keys);
    private int _next;

    public bool IsUsedUp => _next == _keys.Length;

    public override byte Read() =>
        _next < _keys.Length ? _keys[_next++] : throw new InvalidOperationException("nobody types any more");
}
