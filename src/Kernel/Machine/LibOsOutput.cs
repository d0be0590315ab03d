using System;
using System.Runtime.InteropServices;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The machine's console, written to without <c>System.Console</c>, which takes long to start.</summary>
internal sealed unsafe partial class LibOsOutput : TextOutput
{
    private const int StandardOutput = 1;

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> ascii)
    {
        fixed (byte* start = ascii)
        {
            nint done = 0;
            while (done < ascii.Length)
            {
                nint written = WriteFile(StandardOutput, start + done, (nuint)(ascii.Length - done));
                if (written <= 0)
                {
                    throw new InvalidOperationException("the console does not take output");
                }

                done += written;
            }
        }
    }

    [DllImport("libc", EntryPoint = "write")]
    private static extern nint WriteFile(int descriptor, byte* buffer, nuint length);
}
