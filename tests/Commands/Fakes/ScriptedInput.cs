using System;
using System.Text;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>
/// Types a fixed text, with a loss at each of the given places; reading past its end is a failure of the test.
/// </summary>
internal sealed class ScriptedInput(string keys, params int[] losses) : ByteInput
{
    private readonly byte[] _keys = Encoding.Latin1.GetBytes(keys);
    private int _next;

    public bool IsUsedUp => _next == _keys.Length;

    public override bool TakeLoss()
    {
        int place = Array.IndexOf(losses, _next - 1);
        if (place >= 0)
        {
            losses[place] = -1;
        }

        return place >= 0;
    }

    public override byte Read() =>
        _next < _keys.Length ? _keys[_next++] : throw new InvalidOperationException("nobody types any more");
}
