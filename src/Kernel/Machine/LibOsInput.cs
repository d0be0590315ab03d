using VirtioGuest.Commands.Text;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The keyboard and the serial port.</summary>
internal sealed unsafe class LibOsInput : ByteInput
{
    private readonly byte[] _buffer = new byte[64];
    private int _next;
    private int _end;

    /// <inheritdoc/>
    public override byte Read()
    {
        if (_next == _end)
        {
            fixed (byte* start = _buffer)
            {
                long count = LibOsCalls.ReadConsole(start, (ulong)_buffer.Length);
                LibOsError.ThrowIfError(count == 0 ? LibOsError.NoEntry : count, "libos_console_read");
                _next = 0;
                _end = (int)count;
            }
        }

        return _buffer[_next++];
    }
}
