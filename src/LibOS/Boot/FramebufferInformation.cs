namespace VirtioGuest.LibOS.Boot;

/// <summary>The screen that a loader set up, as it described it.</summary>
internal struct FramebufferInformation
{
    /// <summary>Where the cells of 80-column text begin on a colour adapter.</summary>
    public const ulong ColourTextAddress = 0xB8000;

    public FramebufferKind Kind;

    /// <summary>The physical address of the first pixel or cell.</summary>
    public ulong Address;

    /// <summary>From one line to the next, in bytes.</summary>
    public uint Pitch;

    /// <summary>The width, in pixels or columns.</summary>
    public uint Width;

    /// <summary>The height, in pixels or rows.</summary>
    public uint Height;

    /// <summary>How many bits a pixel takes; 16 for text.</summary>
    public byte BitsPerPixel;

    /// <summary>The lowest bit of each colour's field in a pixel, and how many bits it has.</summary>
    public byte RedPosition;
    public byte RedSize;
    public byte GreenPosition;
    public byte GreenSize;
    public byte BluePosition;
    public byte BlueSize;

    public readonly ulong Bytes => (ulong)Pitch * Height;

    /// <summary>Whether it is the text mode that <see cref="SetColourText"/> describes.</summary>
    public readonly bool IsColourText =>
        Kind == FramebufferKind.Text && Address == ColourTextAddress && Pitch == 160 && Width == 80 && Height == 25;

    /// <summary>Describes the colour text mode that every PC firmware starts in.</summary>
    public void SetColourText()
    {
        Kind = FramebufferKind.Text;
        Address = ColourTextAddress;
        Pitch = 160;
        Width = 80;
        Height = 25;
        BitsPerPixel = 16;
    }

    /// <summary>Gives the colour fields their usual places, for a loader that does not say where they are.</summary>
    public void SetUsualColours()
    {
        byte size = BitsPerPixel >= 24 ? (byte)8 : (byte)5;
        RedSize = size;
        GreenSize = BitsPerPixel == 16 ? (byte)6 : size;
        BlueSize = size;
        BluePosition = 0;
        GreenPosition = BlueSize;
        RedPosition = (byte)(BlueSize + GreenSize);
    }
}

internal enum FramebufferKind : uint
{
    /// <summary>None that LibOS can use, or none known.</summary>
    None = 0,

    /// <summary>Cells of character and attribute.</summary>
    Text = 1,

    /// <summary>Pixels with a field for each of red, green and blue.</summary>
    Rgb = 2,
}
