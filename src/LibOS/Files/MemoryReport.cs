using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Files;

/// <summary>The text of <c>/proc/meminfo</c>, as far as .NET reads it.</summary>
internal unsafe struct MemoryReport
{
    private const int Capacity = 160;
    private const int NumberDigits = 20;

    private fixed byte _text[Capacity];
    private int _length;

    public void Refresh(FrameAllocator* frames)
    {
        _length = 0;
        ulong kilobytesPerFrame = Frame.Size / 1024;
        Line("MemTotal:", frames->TotalFrames * kilobytesPerFrame);
        Line("MemFree:", frames->FreeFrames * kilobytesPerFrame);
        Line("MemAvailable:", frames->FreeFrames * kilobytesPerFrame);
    }

    /// <summary>Copies a part of the report.</summary>
    /// <returns>How many bytes there were.</returns>
    public readonly ulong Read(ulong position, byte* buffer, ulong length)
    {
        ulong count = 0;
        while (count < length && position + count < (ulong)_length)
        {
            buffer[count] = _text[position + count];
            count++;
        }

        return count;
    }

    private void Line(string name, ulong kilobytes)
    {
        Text(name);
        Text(" ");
        Number(kilobytes);
        Text(" kB\n");
    }

    private void Text(string text)
    {
        for (int i = 0; i < text.Length && _length < Capacity; i++)
        {
            _text[_length++] = (byte)text[i];
        }
    }

    private void Number(ulong value)
    {
        byte* digits = stackalloc byte[NumberDigits];
        int first = NumberDigits;
        do
        {
            digits[--first] = (byte)('0' + (value % 10));
            value /= 10;
        }
        while (value != 0);

        for (int i = first; i < NumberDigits && _length < Capacity; i++)
        {
            _text[_length++] = digits[i];
        }
    }
}
